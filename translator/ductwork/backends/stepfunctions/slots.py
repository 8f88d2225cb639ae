"""Limits on how many go on at a time: runs of a DAG (max_active_runs), tasks of a pool, instances of one task.

An item of the ledger holds who goes on (``holders``, a set of execution ARNs, with a task's name for tasks) and the
task tokens of those that wait (``queue``, first come first served).

``Take <slot>``        joins the holders, if there is room
``Who holds <slot>?``  else: an execution that was stopped or timed out has freed nothing, so
``Take back <slot>``   takes it from those that no longer run
``Queue for <slot>``   and waits to be woken; after a quarter of an hour it looks again whether all holders still run
``Free <slot>``        at the end: leaves the holders, takes the first token out of the queue and
``Wake next <slot>``   wakes its owner; where that waits no longer, the one after it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.backends.stepfunctions.waking import Waking
from ductwork.ir import Slots, Task, Workflow
from ductwork.ledger_schema import limit_key
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

_PATIENCE_SECONDS = 900
_NAMES = {"#holders": "holders", "#queue": "queue"}
# No task has these ids: blanks are not allowed in one.
_HOLDERS, _NEXT = "the holders", "next in queue"
# Not the context object's: an iteration of a distributed Map is an execution of its own.
_EXECUTION = "$run.execution"


@dataclass(frozen=True)
class Limit:
    """
    :param label: names the states
    :param key: ``(pk, sk)`` of the item
    :param me: expressions of what this execution adds to the holders, one for each slot it takes
    """

    label: str
    table: str
    key: tuple[str, str]
    size: int
    me: tuple[str, ...]

    @classmethod
    def of_runs(cls, workflow: Workflow) -> Limit | None:
        if not workflow.max_active_runs:
            return None
        key = limit_key(workflow.dag_id)
        return cls("a run slot", workflow.ledger_table, key, workflow.max_active_runs, (_EXECUTION,))

    @classmethod
    def of_task(cls, workflow: Workflow, task: Task, slots: Slots, *, indexed: bool = False) -> Limit:
        """
        :param indexed: each instance of the task takes its own
        """
        name = f"{_EXECUTION} & {jsonata.text('#' + task.task_id)}"
        if indexed:
            name += f" & '#' & $string({jsonata.INDEX})"
        me = tuple(name if not number else f"{name} & '#{number}'" for number in range(slots.count))
        return cls(f"{slots.name} slot: {task.task_id}", workflow.ledger_table, slots.key, slots.size, me)

    def _name(self, verb: str, end: str = "") -> str:
        return shorten(f"{verb} {self.label}{end}", STATE_NAME_LIMIT)

    @property
    def _item(self) -> State:
        pk, sk = self.key
        key = {"pk": {"S": pk}, "sk": {"S": sk}} if pk else integrations.item_key(sk)
        return {"TableName": self.table, "Key": key}

    @property
    def _mine(self) -> dict[str, Any]:
        return {":mine": {"SS": [jsonata.expression(code) for code in self.me]}}

    @property
    def _most(self) -> dict[str, Any]:
        """How many may hold slots before this one joins them."""
        return {":most": {"N": str(self.size - len(self.me))}}

    def take(self, after: str) -> tuple[str, dict[str, State]]:
        """The states that wait for a slot; the state data passes through."""
        look, back, queue = self._name("Who holds", "?"), self._name("Take back"), self._name("Queue for")
        item = "$states.result.Item.holders.SS"
        states = {
            self._name("Take"): self._take(look, after),
            look: {
                "Type": "Task",
                "Resource": integrations.GET_ITEM,
                "Arguments": {**self._item, "ConsistentRead": True},
                "Output": jsonata.expression(f"$merge([$states.input, {{{jsonata.text(_HOLDERS)}: [{item}]}}])"),
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": back,
            },
            back: {
                "Type": "Map",
                "Items": jsonata.expression(jsonata.of_input(_HOLDERS)),
                "ItemProcessor": self._take_from_ended(),
                "Output": "{% $states.input %}",
                "Next": queue,
            },
            queue: self._queue(),
        }
        return next(iter(states)), states

    def _take(self, look: str, after: str) -> State:
        room = "attribute_not_exists(#holders) OR size(#holders) <= :most OR contains(#holders, :me)"
        me = {":me": {"S": jsonata.expression(self.me[0])}, ":nobody": {"L": []}}
        caught = {"ErrorEquals": integrations.CONDITION_FAILED, "Output": "{% $states.input %}", "Next": look}
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                **self._item,
                "UpdateExpression": "ADD #holders :mine SET #queue = if_not_exists(#queue, :nobody)",
                "ConditionExpression": room,
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": self._most | self._mine | me,
            },
            "Output": "{% $states.input %}",
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [caught],
            "Next": after,
        }

    def _queue(self) -> State:
        token = {":me": {"L": [{"S": jsonata.expression("$states.context.Task.Token")}]}}
        again = [*integrations.CONDITION_FAILED, "States.Timeout"]
        take = self._name("Take")
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM_AND_WAIT,
            "Arguments": {
                **self._item,
                "UpdateExpression": "SET #queue = list_append(#queue, :me)",
                "ConditionExpression": "attribute_exists(#holders) AND size(#holders) > :most",
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": self._most | token,
            },
            "TimeoutSeconds": _PATIENCE_SECONDS,
            "Output": "{% $states.input %}",
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": again, "Output": "{% $states.input %}", "Next": take}],
            "Next": take,
        }

    def _take_from_ended(self) -> State:
        look, goes_on = self._name("Look at holder of"), self._name("Is the holder of", " running?")
        take_away, done = self._name("Take it back:"), self._name("It is held:")
        running = "{% $states.input.status in ['RUNNING', 'PENDING_REDRIVE'] %}"
        return {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": look,
            "States": {
                look: {
                    "Type": "Task",
                    "Resource": integrations.DESCRIBE_EXECUTION,
                    "Arguments": {"ExecutionArn": "{% $split($states.input, '#')[0] %}"},
                    "Output": {"holder": "{% $states.input %}", "status": "{% $states.result.Status %}"},
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
                    "Arguments": {
                        **self._item,
                        "UpdateExpression": "DELETE #holders :it",
                        "ExpressionAttributeNames": {"#holders": "holders"},
                        "ExpressionAttributeValues": {":it": {"SS": ["{% $states.input.holder %}"]}},
                    },
                    "Retry": integrations.DYNAMODB_RETRY,
                    "End": True,
                },
                done: {"Type": "Succeed"},
            },
        }

    def free(self, going_on: Any, after: str | None) -> tuple[str, dict[str, State]]:
        """The states that hand the slot on.

        :param going_on: their last Output
        :param after: the state that follows, None at the end of a branch
        """
        token = f"$states.input.{jsonata.name(_NEXT)}"
        item = "$states.result.Attributes"
        waking = Waking(
            names=(
                self._name("Free"),
                self._name("Is", " awaited?"),
                self._name("Wake next"),
                self._name("Freed"),
            ),
            update={
                **self._item,
                "UpdateExpression": "DELETE #holders :mine REMOVE #queue[0]",
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": self._mine,
                "ReturnValues": "ALL_OLD",
            },
            noted=(_NEXT, f"$exists({item}.queue.L[0]) ? {item}.queue.L[0].S : ''"),
            awaited=f"{token} != ''",
            token=token,
        )
        return waking.states(going_on, after, until_awake=True)
