"""A Map: the same states for each of a number of indexes.

Inline, iterations write into the execution's own history, and 40 go on at a time. Where more could go on, or the
history could grow long, the Map is distributed: each iteration is an execution of its own, which knows nothing but its
input. All their results together must not take more than 256 KiB, so each hands back two letters for a task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import jsonata
from ductwork.backends.stepfunctions.outcomes import Kept
from ductwork.ir import Workflow
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]
Inside = Callable[[str | None], tuple[str, dict[str, State]]]

INLINE_AT_ONCE = 40
INLINE_EVENTS = 2_500
# What their indexes, and their results, take of 256 KiB.
MOST_INSTANCES = 30_000
# Of a task in a Map: two of the iteration, a Choice, a job, and some more for those that have retries.
_EVENTS_PER_TASK = 16
_RUN = "dagrun"
_LETTERS = {"success": "su", "failed": "fa", "skipped": "sk", "upstream_failed": "up"}


@dataclass(frozen=True)
class Each:
    """
    :param what: names the states
    :param size: expression: how many instances there are
    :param most: how many there are at the most
    :param tasks: of one instance
    :param needed: of ``tasks``: those whose outcomes are read later
    :param at_once: how many instances go on at a time; None: any number
    :param or_none: where there are no items, one iteration runs that is no instance; the variable ``$empty`` is then
        true, unless the size could not be told
    """

    workflow: Workflow
    what: str
    size: str
    most: int
    tasks: tuple[str, ...]
    needed: tuple[str, ...]
    at_once: int | None = None
    or_none: bool = False

    @property
    def distributed(self) -> bool:
        at_once = min(self.most, self.at_once or self.most)
        return at_once > INLINE_AT_ONCE or self.inline_events > INLINE_EVENTS

    @property
    def inline_events(self) -> int:
        """What the iterations add to the history, about, where the Map is inline."""
        return self.most * len(self.tasks) * _EVENTS_PER_TASK

    def state(self, inside: Inside, reads: Kept, output: Callable[[dict[str, str]], Any]) -> State:
        """The Map, but for its ``Next`` or ``End``.

        :param inside: makes the states of one instance, given the state that follows them
        :param reads: what an instance reads of what was before
        :param output: makes the Output, given expressions of the outcomes of ``needed``: arrays without repetitions
        """
        begin, end = (shorten(f"{name} of {self.what}", STATE_NAME_LIMIT) for name in ("Instance", "Ends"))
        selected: State = {"index": "{% $states.context.Map.Item.Value %}"}
        if self.or_none:
            selected["empty"] = jsonata.expression(f"({self.size}) = 0")
        if self.distributed:
            # No scope may use a name of an enclosing one, though none of its variables can be seen.
            selected[_RUN] = "{% $run %}"
        assigned = {name: jsonata.expression(jsonata.of_input(name)) for name in selected}
        selected["outcomes"] = reads.arguments()
        first, states = inside(end if self.distributed else None)
        begins: State = {"Type": "Pass", "Assign": assigned, "Output": "{% $states.input.outcomes %}", "Next": first}
        config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} if self.distributed else {"Mode": "INLINE"}
        states = {begin: begins, **states}
        if self.distributed:
            states[end] = {"Type": "Pass", "Output": jsonata.expression(self._letters()), "End": True}
            states = jsonata.renamed(states, "$run", f"${_RUN}")
        return {
            "Type": "Map",
            "Items": jsonata.expression(self._items()),
            "ItemSelector": selected,
            **({"MaxConcurrency": self.at_once} if self.at_once else {}),
            "ItemProcessor": {"ProcessorConfig": config, "StartAt": begin, "States": states},
            "Output": output(self._outcomes()),
        }

    def _items(self) -> str:
        none = "[-1]" if self.or_none else "[]"
        found = f"$size > 0 ? [0..($size - 1)] : {none}"
        if self.most > MOST_INSTANCES:
            what = f"{self.what} has more than {MOST_INSTANCES:,} instances"
            found = f"$size > {MOST_INSTANCES} ? $error({jsonata.text(what)}) : {found}"
        return f"( $size := {self.size}; {found} )"

    def _letters(self) -> str:
        """Expression, within an instance: how its tasks ended."""
        return f"$join({jsonata.inputs(self.needed)}.$substring($, 0, 2))" if self.needed else "''"

    def _outcomes(self) -> dict[str, str]:
        if not self.distributed:
            return {
                task: jsonata.expression(f"$distinct([$states.result.{jsonata.name(task)}])") for task in self.needed
            }
        words = ", ".join(f"'{letters}': '{state}'" for state, letters in _LETTERS.items())
        return {
            task: jsonata.expression(
                f"[$distinct([$states.result.$substring($, {2 * place}, 2)]).$lookup({{{words}}}, $)]"
            )
            for place, task in enumerate(self.needed)
        }
