"""What each task of a DAG takes of its state machines: states, bytes, transitions, and the actions that IAM must allow.

https://aws.amazon.com/step-functions/pricing/
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ductwork.backends.stepfunctions.costs import Machine, happy_path
from ductwork.cloudformation.call_permissions import CALLS
from ductwork.compiler import to_json
from ductwork.contracts.stepfunctions_limits import STATE_NAME_LIMIT
from ductwork.ir import Workflow

# Dollars a transition of a Standard workflow in us-east-1 and most other regions.
_PRICE = 0.025 / 1000
_INTEGRATION = "arn:aws:states:::"
_HASH = re.compile(r"-[0-9a-f]{8}$")
_WORDS = re.compile(r"[\s,:?]+|\[(?:0|n)\]")
_HEADINGS = ("task", "states", "bytes", "transitions", "$ in 1,000 runs", "actions of its own")


@dataclass
class _Taken:
    """What one task takes."""

    states: int = 0
    size: int = 0
    transitions: int = 0
    actions: set[str] = field(default_factory=set)


def table(workflow: Workflow, machines: Sequence[Machine]) -> Iterator[str]:
    """Lines for a person. A state that is for several tasks counts for the first that its name names; what is the
    run's counts for none. Transitions are those of a run without failures, with one item in each Map.

    :param machines: the definitions of all machines of the DAG
    """
    taken: dict[str, _Taken] = defaultdict(_Taken)
    of = _Names([task.task_id for task in workflow.tasks])
    for machine in machines:
        visits = Counter(name for name, _ in happy_path(machine))
        for name, state in states(machine):
            if (task_id := of.task(name)) is None:
                continue
            found = taken[task_id]
            found.states += 1
            found.size += len(to_json({name: {**state, "Branches": [], "ItemProcessor": {}}}).encode())
            found.transitions += visits[name]
            found.actions |= _actions(str(state.get("Resource", "")))
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for task in workflow.tasks:
        each = taken[task.task_id]
        price = f"{each.transitions * _PRICE * 1000:.3f}"
        shown = (f"{each.states}", f"{each.size:,}", f"{each.transitions}", price)
        # None is found where names are cut before ids differ.
        rows.append((task.task_id, *(shown if each.states else "----"), ", ".join(sorted(each.actions))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *middle, actions in rows:
        cells = [f"{text:>{width}}" for text, width in zip(middle, widths[1:], strict=False)]
        yield "  ".join((f"  {name:<{widths[0]}}", *cells, actions)).rstrip()


class _Names:
    """Which task a state is for, by its name: ``Record extract``, ``extract done?``, ``Link extract: url``.

    :param task_ids: of the DAG
    """

    def __init__(self, task_ids: Sequence[str]) -> None:
        self._ids = frozenset(task_ids)

    def task(self, name: str) -> str | None:
        """The first task that a name has in it; None: it has none."""
        words = [word for word in _WORDS.split(name) if word]
        found = next((word for word in words if word in self._ids), None)
        if found is None and len(name) == STATE_NAME_LIMIT and _HASH.search(name):
            # A long name is cut, and a hash of the whole follows.
            begun = [each for each in self._ids if each.startswith(_HASH.sub("", words[-1]))]
            return begun[0] if len(begun) == 1 else None
        return found


def states(scope: Machine) -> Iterator[tuple[str, Machine]]:
    """The states of a machine at any depth, with their names."""
    for name, state in scope["States"].items():
        yield name, state
        for inner in (*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])):
            yield from states(inner)


def _actions(resource: str) -> set[str]:
    """What IAM must allow for what the task itself does; the ledger is the run's."""
    called = resource.removeprefix(_INTEGRATION)
    if called in CALLS:
        return {action for permission in CALLS[called] for action in permission.actions}
    return {"batch:SubmitJob"} if "batch:submitJob" in called else set()
