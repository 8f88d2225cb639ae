"""A mapped task group: its graph of states, once for each item, in a Map.

``Count G: u``   as for a mapped task
``each of G``    the Map. Where there are no items, or what is to be counted is missing, it runs once, with no instance:
                 its tasks end as skipped, or as their rules have it, under index -1, as Airflow shows them
``Instance of G`` the first state of an instance: its index
"""

from __future__ import annotations

from typing import Any

from ductwork.backends.stepfunctions import jsonata
from ductwork.backends.stepfunctions.counting import Counting
from ductwork.backends.stepfunctions.decisions import Diversion
from ductwork.backends.stepfunctions.maps import Each, Inside
from ductwork.backends.stepfunctions.outcomes import Kept
from ductwork.ir import Workflow
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

# The first and the last reason why a task of the group does not run.
NO_ITEMS = Diversion("skipped", "$empty")
NO_INSTANCE = Diversion("upstream_failed", f"{jsonata.INDEX} < 0")


class Region:
    """
    :param tasks: of the group
    :param needed: of these the tasks whose outcomes are read later
    """

    def __init__(self, workflow: Workflow, group: str, tasks: tuple[str, ...], needed: tuple[str, ...]) -> None:
        # No task has a blank in its id.
        self._name = shorten(f"each of {group}", STATE_NAME_LIMIT)
        length = workflow.groups[group]
        self._counting = Counting(workflow, group, length)
        size, most = self._counting.size, workflow.most(length)
        self.each = Each(workflow, group, size, most, tasks, needed, or_none=True)

    def states(self, inside: Inside, *, reads: Kept, kept: Kept, after: str | None) -> tuple[str, dict[str, State]]:
        """
        :param inside: makes the states of one instance
        :param reads: what an instance reads of what was before
        :param kept: what is passed on of that
        """
        mapping = self.each.state(inside, reads, lambda outcomes: kept.output(outcomes, exactly=after is None))
        onwards: State = {"End": True} if after is None else {"Next": after}
        return self._counting.first(self._name), self._counting.states(self._name) | {self._name: mapping | onwards}
