"""A Map: the same states for each of a number of indexes.

Inline, iterations write into the execution's own history, and 40 go on at a time. Where more could go on, or the
history could grow long, the Map is distributed: each iteration is an execution of its own, which knows nothing but its
input. All their results together must not take more than 256 KiB, so each hands back two letters for a task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ductwork.backends.stepfunctions import worker_requests
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Literal,
    Name,
    Node,
    Range,
    Value,
    Variable,
    array,
    call,
    either,
    exists,
    lifted,
    substituted,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import CONTEXT, INPUT, ITEM, JOB, RESULT, RUN
from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.contracts import shared_request
from ductwork.contracts.names import state_name
from ductwork.contracts.stepfunctions_limits import INLINE_AT_ONCE, MAX_EVENTS
from ductwork.ir import Workflow
from ductwork.semantics.trigger_rules import ABSENT, NO_STATUS

Inside = Callable[[str | None], tuple[str, States]]

# A tenth of the history, for there may be more Maps.
_INLINE_EVENTS = MAX_EVENTS // 10
# What their indexes, and their results, take of MAX_PAYLOAD_BYTES.
_MOST_INSTANCES = 30_000
# Of a task in a Map: two of the iteration, a Choice, a job, and some more for those that have retries.
_EVENTS_PER_TASK = 16
_RUN = "dagrun"
_LETTERS = {"success": "su", "failed": "fa", "skipped": "sk", "upstream_failed": "up"}
_FURTHER = {ABSENT: "ab", NO_STATUS: "no"}


@dataclass(frozen=True)
class Each:
    """The Map of a mapped task or a mapped task group.

    :param what: names the states
    :param size: how many instances there are, less than none if that could not be told
    :param most: how many there are at the most
    :param tasks: of one instance
    :param needed: of ``tasks``: those whose outcomes are read later
    :param at_once: how many instances go on at a time; None: any number
    :param or_none: where there are no items, one iteration runs that is no instance; the variable ``$empty`` is then
        true, unless the size could not be told
    :param whole: an object, or None: the tasks that have ended as a whole, and how: the variable ``$whole``
    :param texts: those of ``needed`` whose outcome is a text where they have ended as a whole
    :param never: what of :data:`ductwork.semantics.trigger_rules.NEVER` its tasks may end in
    """

    workflow: Workflow
    what: str
    size: Node
    most: int
    tasks: tuple[str, ...]
    needed: tuple[str, ...]
    at_once: int | None = None
    or_none: bool = False
    whole: Node | None = None
    texts: frozenset[str] = frozenset()
    never: tuple[str, ...] = ()

    @property
    def distributed(self) -> bool:
        """Whether each iteration is an execution of its own."""
        at_once = min(self.most, self.at_once or self.most)
        return at_once > INLINE_AT_ONCE or self.inline_events > _INLINE_EVENTS

    @property
    def inline_events(self) -> int:
        """What the iterations add to the history, about, where the Map is inline."""
        return self.most * len(self.tasks) * _EVENTS_PER_TASK

    def state(self, inside: Inside, reads: Kept, output: Callable[[dict[str, Node]], Value]) -> State:
        """The Map, but for its ``Next`` or ``End``.

        :param inside: makes the states of one instance, given the state that follows them
        :param reads: what an instance reads of what was before
        :param output: makes the Output, given the outcomes of ``needed``: arrays without repetitions
        """
        begin, end = (state_name(f"{name} of {self.what}") for name in ("Instance", "Ends"))
        selected: State = {"index": CONTEXT.field("Map", "Item", "Value")}
        if self.or_none:
            selected["empty"] = self.size.equals(0)
        if self.whole:
            selected["whole"] = self.whole
        if self.distributed:
            # No scope may use a name of an enclosing one, though none of its variables can be seen.
            selected[_RUN] = RUN
            selected |= dict.fromkeys((shared_request.IN_ITERATIONS,), JOB) if self._shares else {}
        assigned = {name: INPUT.field(name) for name in selected}
        selected["outcomes"] = reads.arguments()
        first, states = inside(end if self.distributed else None)
        begins: State = {"Type": "Pass", "Assign": assigned, "Output": INPUT.field("outcomes"), "Next": first}
        config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} if self.distributed else {"Mode": "INLINE"}
        states = {begin: begins, **states}
        if self.distributed:
            states[end] = {"Type": "Pass", "Output": self._letters(), "End": True}
            states = substituted(states, RUN, Variable(_RUN))
            states = substituted(states, JOB, Variable(shared_request.IN_ITERATIONS))
        return {
            "Type": "Map",
            "Items": self._items(),
            "ItemSelector": selected,
            **({"MaxConcurrency": self.at_once} if self.at_once else {}),
            "ItemProcessor": {"ProcessorConfig": config, "StartAt": begin, "States": states},
            "Output": output(self._outcomes()),
        }

    @property
    def _shares(self) -> bool:
        workers = any(self.workflow.by_id[task].work.has_worker for task in self.tasks)
        return workers and bool(worker_requests.variables(self.workflow))

    def _items(self) -> Node:
        size = Variable("size")
        found = when(size > 0, Range(lifted(0), size - 1), [-1] if self.or_none else [])
        if self.most > _MOST_INSTANCES:
            what = f"{self.what} has more than {_MOST_INSTANCES:,} instances"
            found = when(size > _MOST_INSTANCES, call("error", what), found)
        return Block((Bind(size, self.size), found))

    def _letters(self) -> Node:
        """Within an instance: how its tasks ended."""
        if not self.needed:
            return Literal("")
        ends = array(*map(INPUT.field, self.needed))
        return call("join", ends.each(call("substring", ITEM, 0, 2)))

    def _outcomes(self) -> dict[str, Node]:
        words = {short: state for state, short in (_LETTERS | {state: _FURTHER[state] for state in self.never}).items()}
        found: dict[str, Node] = {}
        for place, task in enumerate(self.needed):
            own = call("substring", ITEM, 2 * place, 2) if self.distributed else Name(task)
            ends = call("distinct", array(RESULT.each(own)))
            every = array(ends.each(call("lookup", words, ITEM)) if self.distributed else ends)
            found[task] = self._text_of_whole(task, every) if task in self.texts else every
        return found

    def _text_of_whole(self, task: str, every: Node) -> Node:
        assert self.whole is not None
        ends = Variable("ends")
        as_whole = either(self.size <= 0, exists(self.whole.field(task)))
        return Block((Bind(ends, every), when(as_whole, ends.at(0), ends)))
