"""A mapped task: as many instances as its upstream tasks have left items for.

``Count T: u``       how many items the return value of ``u`` has, or how many instances of a mapped ``u`` returned one
``How many T?``      none: the task is skipped; what is to be counted is missing: upstream_failed, as Airflow has it
``Expand T``         tells the ledger how many instances there are

What follows are the instances: the children of an array job (``array_job``), or, where they are limited or may be
started again later, the iterations of a Map, each with the states of an ordinary task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Node, Value, merged, text_of
from ductwork.backends.stepfunctions.asl.scope import INPUT, RUN
from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.mapping.count_items import Counting
from ductwork.backends.stepfunctions.mapping.map_state import Each, Inside
from ductwork.contracts.ledger import map_sk
from ductwork.contracts.names import state_name
from ductwork.ir import Task, Workflow

# No task has this id: blanks are not allowed in one.
_SIZE = "the size"
SIZE = INPUT.field(_SIZE)

Output = Callable[[Node], Value]
"""The last Output, of the outcome: all that the instances ended in."""


class Instances(Protocol):
    """What carries the instances of a task out."""

    @property
    def first(self) -> str:
        """The name of the first state, whose input has the number of instances: :data:`SIZE`."""

    def build(self, output: Output, onwards: State) -> States:
        """The states that run the instances and say how they have ended.

        :param onwards: ``Next`` or ``End`` of the last state
        """


class Expansion:
    """The states of a mapped task."""

    def __init__(self, workflow: Workflow, task: Task, instances: Instances) -> None:
        self._workflow, self._task, self._instances = workflow, task, instances
        assert task.length is not None
        self._counting = Counting(workflow, task.task_id, task.length)
        self._size_name = state_name(f"How many {task.task_id}?")
        self._expand_name = state_name(f"Expand {task.task_id}")

    @property
    def first(self) -> str:
        """The name of the first state."""
        return self._counting.first(self._size_name)

    def build(self, record: str, to_record: Callable[[Value, Value], Value], output: Output, onwards: State) -> States:
        """All states of the mapped task, from counting its instances to its last Output.

        :param record: the state that ends the task where it has no instances
        :param to_record: makes the Output that leads there: ``(outcome, try number)`` -> Output
        """
        states = self._counting.states(self._size_name)
        states[self._size_name] = self._how_many(record, to_record)
        states[self._expand_name] = self._expand()
        return states | self._instances.build(output, onwards)

    def _how_many(self, record: str, to_record: Callable[[Value, Value], Value]) -> State:
        size, missing = self._counting.size, self._counting.missing
        rules = [(missing, to_record("upstream_failed", 0), record)] if missing else []
        rules.append((size.equals(0), to_record("skipped", 0), record))
        return {
            "Type": "Choice",
            "Choices": [
                {"Condition": condition, "Output": output, "Next": target} for condition, output, target in rules
            ],
            "Default": self._expand_name,
            "Output": merged(INPUT, {_SIZE: size}),
        }

    def _expand(self) -> State:
        """Tell how many instances there are: a restart, and who looks on, knows of those that have not begun."""
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                "TableName": self._workflow.ledger_table,
                "Key": integrations.item_key(map_sk(self._task.task_id)),
                "UpdateExpression": "SET #size = :size, expires_at = :expires",
                "ExpressionAttributeNames": {"#size": "size"},
                "ExpressionAttributeValues": {
                    ":size": {"N": text_of(SIZE)},
                    ":expires": {"N": RUN.field("expires")},
                },
            },
            "Output": INPUT,
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": self._instances.first,
        }


class OneByOne:
    """Instances as iterations of a Map.

    :param inside: makes the states of one instance
    """

    def __init__(self, workflow: Workflow, task: Task, inside: Inside) -> None:
        assert task.length is not None
        own = (task.task_id,)
        # No task has a blank in its id.
        self.first = state_name(f"each of {task.task_id}")
        limits = [slots.size // slots.count for slots in task.slots]
        limits += [task.max_active_tis_per_dagrun] if task.max_active_tis_per_dagrun else []
        at_once = min(limits, default=None)
        self.each = Each(workflow, task.task_id, SIZE, workflow.most(task.length), own, own, at_once)
        self._task, self._inside = task, inside

    def build(self, output: Output, onwards: State) -> States:
        """The Map."""
        mapping = self.each.state(self._inside, Kept(), lambda outcomes: output(outcomes[self._task.task_id]))
        return {self.first: mapping | onwards}
