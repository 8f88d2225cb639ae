"""Limits on how many go on at a time: runs of a DAG (max_active_runs), tasks of a pool, instances of one task.

The item, and what is done with it, is :mod:`ductwork.contracts.concurrency_limit`; here are the states that do it.

``Take <slot>``        joins the holders, if there is room
``Who holds <slot>?``  else: an execution that was stopped or timed out has freed nothing, so
``Take back <slot>``   takes it from those that no longer run
``Queue for <slot>``   and waits to be woken; after a quarter of an hour it looks again whether all holders still run
``Free <slot>``        at the end: leaves the holders, and if somebody waits
``Call next <slot>``   takes the first out of the queue, which one of those who would succeeds in, and
``Wake next <slot>``   wakes it; where it waits no longer, the one after it
"""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Node, Value, array, call, exists, joined, merged, when
from ductwork.backends.stepfunctions.asl.scope import ENTERED, INDEX_TEXT, INPUT, RESULT, RUN, TOKEN, members
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.waits.wakeup import Waking
from ductwork.contracts import concurrency_limit as limits
from ductwork.contracts.ledger import limit_key
from ductwork.contracts.names import state_name
from ductwork.ir import Slots, Task, Workflow

_PATIENCE_SECONDS = 900
# No task has these ids: blanks are not allowed in one.
_HOLDERS, _NEXT = "the holders", "the next"
# Not the context object's: an iteration of a distributed Map is an execution of its own.
_EXECUTION = RUN.field("execution")


@dataclass(frozen=True)
class Limit:
    """One limit: the item that counts its slots, and who takes them here.

    :param label: names the states
    :param key: ``(pk, sk)`` of the item
    :param me: what this execution adds to the holders, one for each slot it takes
    """

    label: str
    table: str
    key: tuple[str, str]
    size: int
    me: tuple[Node, ...]

    @classmethod
    def of_runs(cls, workflow: Workflow) -> Limit | None:
        """The limit on the DAG's runs (max_active_runs), None if it has none."""
        if not workflow.max_active_runs:
            return None
        key = limit_key(workflow.dag_id)
        return cls("a run slot", workflow.ledger_table, key, workflow.max_active_runs, (_EXECUTION,))

    @classmethod
    def of_task(cls, workflow: Workflow, task: Task, slots: Slots, *, indexed: bool = False) -> Limit:
        """The limit on what a task takes slots of: a pool, or its own instances.

        :param indexed: each instance of the task takes its own
        """
        name = _EXECUTION & f"{limits.SEPARATOR}{task.task_id}"
        if indexed:
            name = joined(name, limits.SEPARATOR, INDEX_TEXT)
        me = tuple(name & f"{limits.SEPARATOR}{number}" if number else name for number in range(slots.count))
        return cls(f"{slots.name} slot: {task.task_id}", workflow.ledger_table, slots.key, slots.size, me)

    def _name(self, verb: str, end: str = "") -> str:
        return state_name(f"{verb} {self.label}{end}")

    @property
    def _item(self) -> State:
        pk, sk = self.key
        key = {"pk": {"S": pk}, "sk": {"S": sk}} if pk else integrations.item_key(sk)
        return {"TableName": self.table, "Key": key}

    def take(self, after: str) -> tuple[str, States]:
        """The states that wait for a slot; the state data passes through."""
        look, back, queue = self._name("Who holds", "?"), self._name("Take back"), self._name("Queue for")
        holders = members(RESULT.field("Item", limits.HOLDERS))
        states = {
            self._name("Take"): self._take(look, after),
            look: {
                "Type": "Task",
                "Resource": integrations.GET_ITEM,
                "Arguments": {**self._item, "ConsistentRead": True},
                "Output": merged(INPUT, {_HOLDERS: array(holders)}),
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": back,
            },
            back: {
                "Type": "Map",
                "Items": INPUT.field(_HOLDERS),
                "ItemProcessor": self._take_from_ended(),
                "Output": INPUT,
                "Next": queue,
            },
            queue: self._queue(),
        }
        return next(iter(states)), states

    def _take(self, look: str, after: str) -> State:
        caught = {"ErrorEquals": integrations.CONDITION_FAILED, "Output": INPUT, "Next": look}
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": self._item | limits.take(self.me, self.size),
            "Output": INPUT,
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [caught],
            "Next": after,
        }

    def _queue(self) -> State:
        place = joined(ENTERED, limits.SEPARATOR, TOKEN)
        again = [*integrations.CONDITION_FAILED, integrations.TIMED_OUT]
        take = self._name("Take")
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM_AND_WAIT,
            "Arguments": self._item | limits.wait(place, self.me, self.size),
            "TimeoutSeconds": _PATIENCE_SECONDS,
            "Output": INPUT,
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": again, "Output": INPUT, "Next": take}],
            "Next": take,
        }

    def _take_from_ended(self) -> State:
        look, goes_on = self._name("Look at holder of"), self._name("Is the holder of", " running?")
        take_away, done = self._name("Take it back:"), self._name("It is held:")
        running = INPUT.field("status").is_in(["RUNNING", "PENDING_REDRIVE"])
        return {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": look,
            "States": {
                look: {
                    "Type": "Task",
                    "Resource": integrations.DESCRIBE_EXECUTION,
                    "Arguments": {"ExecutionArn": call("split", INPUT, limits.SEPARATOR).at(0)},
                    "Output": {"holder": INPUT, "status": RESULT.field("Status")},
                    "Retry": integrations.DYNAMODB_RETRY,
                    "Next": goes_on,
                },
                goes_on: {
                    "Type": "Choice",
                    "Choices": [{"Condition": running, "Next": done}],
                    "Default": take_away,
                },
                take_away: {
                    "Type": "Task",
                    "Resource": integrations.UPDATE_ITEM,
                    "Arguments": self._item | limits.expel(INPUT.field("holder")),
                    "Retry": integrations.DYNAMODB_RETRY,
                    "End": True,
                },
                done: {"Type": "Succeed"},
            },
        }

    def free(self, going_on: Value, after: str | None) -> tuple[str, States]:
        """The states that hand the slot on.

        :param going_on: their last Output
        :param after: the state that follows, None at the end of a branch
        """
        place, waiting = INPUT.field(_NEXT), members(RESULT.field("Attributes", limits.WAITING))
        waking = Waking(
            names=(
                self._name("Free"),
                self._name("Is", " awaited?"),
                self._name("Call next"),
                self._name("Wake next"),
                self._name("Freed"),
            ),
            update=self._item | limits.leave(self.me),
            noted=(_NEXT, when(exists(waiting), call("sort", waiting).at(0), "")),
            awaited=place.differs(""),
            claim=self._item | limits.call(place),
            token=call("substringAfter", place, limits.SEPARATOR),
        )
        return waking.states(going_on, after)
