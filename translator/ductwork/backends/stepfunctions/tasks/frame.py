"""The states of one task: what is the same for every kind of work.

``Run <task>?``     a Choice: a restart passes over what is done; the outcomes of direct upstream tasks may divert it
``<task>``          the task itself, and what goes with it: a file of this folder for each kind of work
``Keep <task>``     a restart passes over a mapped task
``Never <task>``    Airflow makes no instance of it, or one that waits in vain: nothing is recorded
``Record <task>``   ends the task in the ledger when no worker has: it was diverted, its container died, or it is native

The happy path of a worker task is two transitions, and one where the task before it has succeeded and nothing else
could divert it: that one goes on past the Choice. Without the restart guard (``--no-restart``) the Choice is left out
where nothing can divert the task.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from ductwork.backends.stepfunctions.asl import integrations, state_data
from ductwork.backends.stepfunctions.asl.nodes import (
    Literal,
    Node,
    Object,
    Value,
    call,
    either,
    exists,
    first_of,
    joined,
    lifted,
    text_of,
)
from ductwork.backends.stepfunctions.asl.scope import INDEX_TEXT, INPUT, ITEM, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.dataflow.clauses import Diversion, any_of
from ductwork.backends.stepfunctions.ledger_writes import END, Ending, Writes
from ductwork.backends.stepfunctions.mapping.mapped_task import Expansion
from ductwork.backends.stepfunctions.tasks.pulls import pulls
from ductwork.contracts.ledger import RETURN_VALUE
from ductwork.contracts.names import EACH_INSTANCE, state_name
from ductwork.ir import Task, Work, Workflow
from ductwork.semantics.trigger_rules import NEVER

Kind = TypeVar("Kind", bound=Work)

# What a branch has decided to skip, as the ledger has it.
_DECIDED = RESULT.field("Attributes", "skipped", "L", "S")


@dataclass(frozen=True)
class Place:
    """Where a task stands in its machine.

    :param diversions: what may keep the task from running, in order of precedence
    :param kept: outcomes of earlier tasks that states after this task still read
    :param marks: the tasks that this one may decide to skip, if later states read that
    :param needed: later states read how this task ended
    :param after: the name of the state that follows, None at the end of a branch
    :param after_success: the name of the state that follows where the task has succeeded, if not ``after``
    :param indexed: these are the states of one of its instances
    :param whole: how it has ended as a whole before it was expanded, if it has
    :param instance: of a mapped task, which has states of its own around them
    :param guarded: a restart may pass over it
    :param expansion: of a mapped task
    :param before: make the states that hold the task back once it is to run, given the state that follows them
    """

    diversions: Sequence[Diversion]
    kept: state_data.Kept
    marks: Sequence[str]
    needed: bool
    after: str | None
    after_success: str | None = None
    indexed: bool = False
    whole: Node | None = None
    instance: bool = False
    guarded: bool = False
    expansion: Expansion | None = None
    before: Sequence[Callable[[str], tuple[str, States]]] = ()


@dataclass(frozen=True)
class _Rule:
    """A rule of the Choice before a task.

    :param outcome: of the task where the rule holds
    :param diversion: what it is made of; None: the restart guard
    """

    outcome: Value
    condition: Node
    target: str
    diversion: Diversion | None = None


class TaskStates(Generic[Kind]):
    """The frame around a task; a subclass for each kind of work says what is in it.

    :cvar ending: the update by which tasks of the kind are ended
    """

    ending: ClassVar[Ending] = END

    def __init__(self, workflow: Workflow, task: Task, work: Kind, place: Place) -> None:
        self._workflow = workflow
        self._task = task
        self._work = work
        self._place = place
        self._writes = Writes(workflow, task, indexed=place.indexed, whole=place.whole)
        self._next: State = {"End": True} if place.after is None else {"Next": place.after}
        self._ends = place.after is None
        self.name = self._called("{}")
        self.entry = place.expansion.first if place.expansion else self.name
        self._record_name = self._called("Record {}")
        self._never_name = self._called("Never {}")
        self._choice_name = self._called("Run {}?")
        self._push_name = self._called("Push {}")

    def _called(self, name: str) -> str:
        """A state's name, with the task's id for ``{}``."""
        label = self._task.task_id + (EACH_INSTANCE if self._place.instance else "")
        return state_name(name.replace("{}", label))

    def build(self) -> tuple[str, States]:
        """The name of the first state, and all states by name, in reading order."""
        held, expansion = self._held_back(), self._place.expansion
        states = self._whether() | held
        if expansion:
            states |= expansion.build(self._record_name, self._to_record, self._output, self._next)
        else:
            states |= self._own()
        states |= self._ending() | self._never
        self._comment(states)
        return next(iter(states)), states

    def _comment(self, states: States) -> None:
        """Say at the task's own state which task groups it is in: its id need not."""
        if self._task.group_path and self.name in states:
            groups = [self._workflow.task_groups[group] for group in self._task.group_path]
            said = [f"{group.label} ({group.tooltip})" if group.tooltip else group.label for group in groups]
            own = states[self.name]
            states[self.name] = {"Type": own["Type"], "Comment": f"in {' / '.join(said)}", **own}

    def _held_back(self) -> States:
        sections = []
        for make in reversed([*self._place.before, *pulls(self._workflow, self._work)]):
            self.entry, states = make(self.entry)
            sections.append(states)
        held: States = {}
        for states in reversed(sections):
            held |= states
        return held

    # ---- what differs from one kind of work to the next ----

    def _own(self) -> States:
        """The task itself; it goes on to ``Record``, or to what follows the task."""
        raise NotImplementedError

    def _unrecorded(self) -> State:
        """What ``Record`` needs to be told, beside the outcome and the try number: no worker tells the ledger of it."""
        return {}

    def _end(self, mine: Node) -> Value:
        """The Arguments of the update that ends the task.

        :param mine: what :meth:`_to_record` made
        """
        return self._writes.end(self.ending, mine.field("state"), text_of(mine.field("try")))

    def _call_back(self) -> States:
        """What comes between the task and ``Record`` if somebody is to be called when it fails."""
        return {}

    @property
    def _done(self) -> list[Node]:
        """How the task ended in the execution before, if a restart passes over it."""
        return [RUN.field("done", self._task.task_id)]

    @property
    def _done_without_worker(self) -> list[Node]:
        """The same of a task that has no worker, which would look into the ledger whether its instance has ended."""
        whole: list[Node] = [RUN.field("done", self._task.task_id)]
        if not self._place.indexed:
            return whole
        own = call("lookup", RUN.field("done"), joined(f"{self._task.task_id}[", INDEX_TEXT, "]"))
        # Around the instances of a mapped task, a state asks for the whole.
        return [*([] if self._place.instance else whole), own]

    # ---- the outcome in the state data ----

    def _output(self, value: Value, marks: Node | None = None) -> Value:
        own = {self._task.task_id: value} if self._place.needed else {}
        return self._place.kept.output(own, exactly=self._ends, marks=marks)

    def _to_record(self, state: Value, try_number: Value, **facts: Value) -> Value:
        """State data on the way to ``Record``: everything as it was, and how the task ended."""
        return self._carrying({"state": state, "try": try_number, **self._unrecorded(), **facts})

    def _carrying(self, value: Value) -> Value:
        """State data with something about the task in the place of its outcome."""
        return self._place.kept.output({self._task.task_id: value}, exactly=False)

    def _marked(self, tasks: Node) -> Node | None:
        marks = lifted(list(self._place.marks))
        mark = Object(((ITEM, Literal("skipped")),))
        return tasks.where(ITEM.is_in(marks)).each(mark) if self._place.marks else None

    # ---- states ----

    def _whether(self) -> States:
        if not (self._place.diversions or self._place.guarded):
            return {}
        kept = self._keep_name if self._place.expansion else self._record_name
        rules = [_Rule(done, exists(done), kept) for done in (self._done if self._place.guarded else ())]
        rules += [self._diverted(diversion, self._record_name) for diversion in self._place.diversions]
        choice: State = {
            "Type": "Choice",
            "Choices": [
                {"Condition": _one_of(same), "Output": self._verdict(same), "Next": same[0].target}
                for same in _with_one_target(rules)
            ],
            "Default": self.entry,
        }
        return {self._choice_name: choice}

    def _verdict(self, rules: Sequence[_Rule]) -> Value:
        """The Output of rules of which one holds."""
        *before, last = rules
        state = first_of([(rule.condition, rule.outcome) for rule in before], last.outcome) if before else last.outcome
        return self._output(state) if last.target == self._never_name else self._to_record(state, 0)

    def _diverted(self, diversion: Diversion, otherwise: str) -> _Rule:
        target = self._never_name if diversion.verdict in NEVER else otherwise
        return _Rule(diversion.verdict, diversion.condition, target, diversion)

    @property
    def _never(self) -> States:
        """What follows where the task never comes to an end, in a state of its own: a Choice cannot end a branch."""
        if not any(diversion.verdict in NEVER for diversion in self._place.diversions):
            return {}
        return {self._never_name: {"Type": "Pass", **self._next}}

    def _ending(self) -> States:
        keeps = self._place.expansion and self._place.guarded
        called = {} if self._place.expansion else self._call_back()
        return ({self._keep_name: self._keep()} if keeps else {}) | called | {self._record_name: self._record()}

    @property
    def _keep_name(self) -> str:
        return self._called("Keep {}")

    def _keep(self) -> State:
        """Of a mapped task that a restart passes over: its instances are in the ledger, each by itself."""
        outcome = INPUT.field(self._task.task_id, "state")
        return {"Type": "Pass", "Output": self._output(outcome), **self._next}

    def _record(self) -> State:
        # What the worker has recorded stands: if_not_exists keeps it, and ReturnValues hands it back, so the machine
        # goes on with what the ledger says even where the worker died between its two reports.
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": self._end(INPUT.field(self._task.task_id)),
            # A branch that is passed over, or died once it had decided, has its decision in the ledger.
            "Output": self._output(RESULT.field("Attributes", "outcome", "S"), self._marked(_DECIDED)),
            "Retry": integrations.DYNAMODB_RETRY,
            **self._next,
        }

    def _push(self, value: Value, after: str, *, key: str = RETURN_VALUE, length: Node | None = None) -> State:
        """The state that writes an XCom into the ledger, by default the return value; its data pass through.

        :param value: the XCom's JSON text
        :param length: how many items it has, where a task may be expanded over it
        """
        return {
            "Type": "Task",
            "Resource": integrations.PUT_ITEM,
            "Arguments": self._writes.push(value, key=key, length=length),
            "Output": INPUT,
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        }


def _with_one_target(rules: Sequence[_Rule]) -> list[list[_Rule]]:
    """The rules of a Choice, those together that lead to the same state one after another."""
    return [list(same) for _, same in itertools.groupby(rules, key=lambda rule: rule.target)]


def _one_of(rules: Sequence[_Rule]) -> Node:
    guards = [rule.condition for rule in rules if rule.diversion is None]
    diversions = [rule.diversion for rule in rules if rule.diversion]
    return either(*guards, *([any_of(diversions)] if diversions else []))
