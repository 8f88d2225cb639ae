"""The states of a region: its state data hold only what has not succeeded, so they are ``{}`` all the way.

``Begin X?``    lets a region begin where all above it have succeeded; else, and in a restart, it is settled first
``Resume X``    one for each chain of tasks: a restart begins with the first that has not ended
``X``           a task; one that does not succeed is noted, with the number of its tries, and ends its branch
``After X, Y?`` behind branches: goes on if all of them have succeeded
``End of X``    of a branch, also for what has not succeeded
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ductwork.backends.stepfunctions.asl.nodes import (
    Value,
    Variable,
    Wildcard,
    call,
    either,
    exists,
    merged,
    negated,
    substituted,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT, RUN, input_fields
from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.regions import plain_task
from ductwork.backends.stepfunctions.regions.replay import Replay
from ductwork.backends.stepfunctions.regions.settling import LOOK, Settling
from ductwork.contracts.names import state_name
from ductwork.ir import Task, Workflow
from ductwork.planning import layout
from ductwork.planning.shapes import Parallel, Series

# How the Choices are called by which a restart resumes: their rules name the first task that has not ended, behind
# branches after the one for what has not succeeded.
RESUME, AFTER = "Resume ", "After "
_NOT_ALL_SUCCEEDED = exists(INPUT.each(Wildcard()))


@dataclass(frozen=True)
class Surroundings:
    """What is around a region.

    :param kept: outcomes of earlier tasks that states after it still read
    :param needed: its own tasks whose outcomes they read
    :param after: the state that follows, None at the end of a branch
    """

    kept: Kept
    needed: Sequence[str]
    after: str | None


@dataclass(frozen=True)
class _Resume:
    """A Choice before a chain of tasks.

    :param part: the chain's first
    :param default: the state that follows the chain
    """

    part: layout.Part
    first: str
    rules: Sequence[State]
    default: str

    @property
    def state(self) -> State:
        return {"Type": "Choice", "Choices": self.rules, "Default": self.default}


class RegionStates:
    """Makes the states of one region.

    :param number: of the region in its workflow, from 1
    """

    def __init__(self, workflow: Workflow, part: layout.Part, around: Surroundings, number: int) -> None:
        self._workflow, self._part, self._around = workflow, part, around
        self._members = layout.members(part)
        self._tasks = [task for task in workflow.tasks if task.task_id in self._members]
        self._by_id: Mapping[str, Task] = workflow.by_id
        self._ended = Variable(f"ended{number}")
        self._label = _first_task(part)
        self._outside = sorted({up for task in self._tasks for up in task.upstream} - self._members)
        self._restarts = workflow.restartable
        self._resumes = workflow.restartable or not self._is_diverted_as_a_whole
        self.own: dict[int, tuple[layout.Part, tuple[str, ...]]] = {}
        """For each part in it, by its id, the names of the states that are its own."""
        self._resume: dict[str, _Resume] = {}
        self._settling = Settling(
            workflow.ledger_table,
            self._label,
            self._ended,
            Replay(self._tasks, self._by_id),
            self._output,
            around.after,
            None,
        )

    @property
    def _is_diverted_as_a_whole(self) -> bool:
        """Whether no task runs where one above the region did not succeed."""
        outside = set(self._outside)
        return all(set(task.upstream) >= outside for task in self._tasks if self._members.isdisjoint(task.upstream))

    def build(self) -> tuple[str, States]:
        """The first state's name and all states, in reading order."""
        items = _items(self._part)
        settling = self._settling
        first, states = self._scope(items, settling.first, at_root=True)
        again = first if self._resumes else None
        settled = replace(settling, again=again).states()
        begin, beginning = self._begin(first)
        self._note(next(iter(self.own.values()))[0], (*beginning, *settled))
        return begin, {**beginning, **states, **settled}

    def _note(self, part: layout.Part, names: Iterable[str]) -> None:
        _, known = self.own.get(id(part), (part, ()))
        self.own[id(part)] = part, (*known, *names)

    def _begin(self, first: str) -> tuple[str, States]:
        reasons = [exists(RUN.field("done").each(Wildcard()))] if self._restarts else []
        if len(self._outside) == 1:
            reasons.append(INPUT.field(self._outside[0]).differs("success"))
        elif self._outside:
            reasons.append(exists(input_fields(self._outside).where(ITEM.differs("success"))))
        known: list[Value] = [RUN.field("done")] if self._restarts else []
        known += [INPUT] if self._outside or self._around.kept != Kept() else []
        known += [when(either(*reasons), {LOOK: True}, {})] if reasons and self._resumes else []
        # The same for the rule and beside it: whether the Choice's counts where a rule holds, AWS does not say.
        assign = {self._ended.name: merged(*known) if len(known) > 1 else known[0] if known else {}}
        if not reasons:
            name = self._called("Begin {}")
            return name, {name: {"Type": "Pass", "Assign": assign, "Output": {}, "Next": first}}
        name = self._called("Begin {}?")
        rule = {"Condition": either(*reasons), "Assign": assign, "Output": {}, "Next": self._settling.first}
        plain = {"Default": self._past_resuming(first), "Assign": assign, "Output": {}}
        return name, {name: {"Type": "Choice", "Choices": [rule], **plain}}

    def _past_resuming(self, first: str) -> str:
        """The first task, where nothing has ended yet."""
        return self._resume[first].first if first in self._resume else first

    def _called(self, name: str) -> str:
        return state_name(name.replace("{}", self._label))

    @property
    def _output(self) -> Value:
        """The state data after the region: what has not ended otherwise has succeeded."""
        own = {
            task: when(exists(self._ended.field(task)), self._ended.field(task), "success")
            for task in self._around.needed
        }
        found = self._around.kept.output(own, exactly=self._around.after is None)
        return substituted(found, INPUT, self._ended)

    # ---- scopes ----

    def _scope(self, items: Sequence[layout.Part], failed: str | None, *, at_root: bool) -> tuple[str, States]:
        """The first state's name and the states of parts one after another.

        :param failed: the state after what has not succeeded; None: one of the scope's own
        """
        ending: States = {}
        ends = list(dict.fromkeys((_first_task(items[0]), _last_task(items[-1]))))
        if failed is None:
            failed = state_name(f"End of {' to '.join(ends)}")
            # What is one Parallel ends with it.
            if len(items) > 1 or isinstance(items[0], layout.TaskPart):
                ending = {failed: {"Type": "Succeed"}}
        label = " to ".join(ends)
        single = [self._by_id[part.task] for part in items if isinstance(part, layout.TaskPart)]
        calling = None
        if any(plain_task.calls_as_any(self._workflow, task) for task in single):
            calling = state_name(f"Call back in {label}")
            ending = {calling: plain_task.calling_for_several(self._workflow, label, failed), **ending}
            self._note(items[0], [calling])
        sections, entry = [ending], None
        groups = [(chain, list(parts)) for chain, parts in groupby(items, lambda p: isinstance(p, layout.TaskPart))]
        for chain, parts in reversed(groups):
            if chain:
                chain_parts = [part for part in parts if isinstance(part, layout.TaskPart)]
                entry, states = self._chain(chain_parts, (failed, calling), entry, at_root=at_root)
                sections.append(states)
                continue
            for part in parts[::-1]:
                resume = self._resume.pop(entry, None) if entry else None
                if entry and resume:
                    del sections[-1][entry]
                entry, states = self._parallel(part, failed, entry, resume, at_root=at_root)
                sections.append(states)
        found: States = {}
        for states in reversed(sections):
            found |= states
        assert entry is not None
        if entry in self._resume:
            self._note(self._resume[entry].part, [entry])
        return entry, found

    def _chain(
        self, parts: Sequence[layout.TaskPart], ending: tuple[str, str | None], after: str | None, *, at_root: bool
    ) -> tuple[str, States]:
        """The states of tasks one after another.

        :param ending: the state after what has not succeeded, and the one before that which calls back for any of them
        """
        states: States = {}
        failed, calling = ending
        tasks = [part.task for part in parts]
        for part, task, following in zip(parts, tasks, (*tasks[1:], None), strict=True):
            then = state_name(following) if following else after
            leaves = at_root and then is None
            output = self._output if leaves else {}
            then = self._around.after if leaves else then
            own = self._by_id[task]
            called = calling if plain_task.calls_as_any(self._workflow, own) else None
            made = plain_task.states(self._workflow, own, failed, then, output, called)
            self._note(part, made)
            states |= made
        if not self._resumes:
            return state_name(tasks[0]), states
        name = state_name(f"{RESUME}{tasks[0]}")
        rules: list[State] = [
            {"Condition": negated(exists(self._ended.field(task))), "Next": state_name(task)} for task in tasks
        ]
        self._resume[name] = _Resume(parts[0], state_name(tasks[0]), rules, after or failed)
        return name, {name: self._resume[name].state, **states}

    def _parallel(
        self, part: layout.Part, failed: str, after: str | None, resume: _Resume | None, *, at_root: bool
    ) -> tuple[str, States]:
        """The states of branches.

        :param resume: the Choice that comes next, if one does: what it asks is asked with whether all succeeded
        """
        assert isinstance(part, Parallel)
        branches = []
        for inner in part.parts:
            first, states = self._scope(_items(inner), None, at_root=False)
            branches.append({"StartAt": first, "States": states})
        label = ", ".join(map(_first_task, part.parts))
        name = state_name(label)
        state: State = {"Type": "Parallel", "Branches": branches, "Output": call("merge", RESULT)}
        if after is None and not at_root:
            self._note(part, [name])
            return name, {name: {**state, "End": True}}
        asks = state_name(f"{AFTER}{label}?")
        self._note(part, [name, asks])
        goes_on = resume.default if resume else after or self._around.after or state_name(f"Ended {self._label}")
        choice: State = {
            "Type": "Choice",
            "Choices": [
                {"Condition": _NOT_ALL_SUCCEEDED, "Output": INPUT, "Next": failed},
                *(resume.rules if resume else ()),
            ],
            "Default": goes_on,
            **({} if after else {"Output": self._output}),
        }
        return name, {name: {**state, "Next": asks}, asks: choice}


def _items(part: layout.Part) -> tuple[layout.Part, ...]:
    return part.parts if isinstance(part, Series) else (part,)


def _first_task(part: layout.Part) -> str:
    return _outermost(part, 0)


def _last_task(part: layout.Part) -> str:
    return _outermost(part, -1)


def _outermost(part: layout.Part, at: int) -> str:
    while not isinstance(part, layout.TaskPart):
        assert isinstance(part, (Series, Parallel))
        part = part.parts[at]
    return part.task
