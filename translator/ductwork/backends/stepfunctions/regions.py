"""A mapped task group: its graph of states, once for each item, in a Map.

``Count G: u``   as for a mapped task
``G``            the Map. Where there are no items, or what is to be counted is missing, it runs once, with no instance:
                 its tasks end as skipped, or as their rules have it, under index -1, as Airflow shows them
``Instance of G`` the first state of an instance: its index
"""

from __future__ import annotations

from typing import Any

from ductwork.backends.stepfunctions import jsonata
from ductwork.backends.stepfunctions.counting import Counting
from ductwork.backends.stepfunctions.decisions import Diversion
from ductwork.backends.stepfunctions.outcomes import Kept
from ductwork.ir import Workflow
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

# Variables within an instance.
INDEX = "$index"
# The first and the last reason why a task of the group does not run.
NO_ITEMS = Diversion("skipped", "$empty")
NO_INSTANCE = Diversion("upstream_failed", f"{INDEX} < 0")


def states(
    workflow: Workflow,
    group: str,
    inside: State,
    *,
    reads: Kept,
    kept: Kept,
    needed: list[str],
    after: str | None,
) -> tuple[str, dict[str, State]]:
    """
    :param inside: the states of one instance
    :param reads: what an instance reads of what was before
    :param kept: what is passed on of that
    :param needed: the group's tasks whose outcomes are read later
    """
    # No task has a blank in its id.
    name = shorten(f"each of {group}", STATE_NAME_LIMIT)
    begin = shorten(f"Instance of {group}", STATE_NAME_LIMIT)
    counting = Counting(workflow, group, workflow.groups[group])
    size = counting.size
    begins: State = {
        "Type": "Pass",
        "Assign": {"index": "{% $states.input.index %}", "empty": "{% $states.input.empty %}"},
        "Output": "{% $states.input.outcomes %}",
        "Next": inside["StartAt"],
    }
    outcomes = {task: jsonata.expression(f"$distinct([$states.result.{jsonata.name(task)}])") for task in needed}
    mapping: State = {
        "Type": "Map",
        "Items": jsonata.expression(f"( $size := {size}; $size > 0 ? [0..($size - 1)] : [-1] )"),
        "ItemSelector": {
            "index": "{% $states.context.Map.Item.Value %}",
            "empty": jsonata.expression(f"({size}) = 0"),
            "outcomes": reads.arguments(),
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": begin,
            "States": {begin: begins, **inside["States"]},
        },
        "Output": kept.output(outcomes, exactly=after is None),
        **({"End": True} if after is None else {"Next": after}),
    }
    found = counting.states(name)
    found[name] = mapping
    return counting.first(name), found
