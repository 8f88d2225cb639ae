"""What is made once of a workflow, however often it is cut to machines: most states are the same in each cut."""

from __future__ import annotations

from dataclasses import dataclass, field

from ductwork.backends.stepfunctions.asl.printer import Printed, printed
from ductwork.backends.stepfunctions.asl.states import States
from ductwork.backends.stepfunctions.dataflow.rule_conditions import Decisions


@dataclass(frozen=True)
class Once:
    """By all that they follow from.

    :param states: of tasks, printed, with the names of the first and of the first past its Choice
    :param telling: the states, printed, by which tasks tell joins that they have ended, with the first one's name
    """

    decisions: Decisions
    states: dict[tuple[object, ...], tuple[str, str, States]] = field(default_factory=dict)
    telling: dict[tuple[object, ...], tuple[str, States]] = field(default_factory=dict)


def all_printed(states: States) -> States:
    """The same states, printed; nothing in them can be changed any more."""
    return {name: Printed(printed(state)) for name, state in states.items()}
