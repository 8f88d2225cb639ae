"""A mapped task: as many instances as its upstream tasks have left items for.

``Count T: u``       how many items the return value of ``u`` has, or how many instances of a mapped ``u`` returned one
``How many T?``      none: the task is skipped; what is to be counted is missing: upstream_failed, as Airflow has it
``Expand T``         tells the ledger how many instances there are

What follows are the instances: the children of an array job (``arrays``), or, where they are limited or may be started
again later, the iterations of a Map, each with the states of an ordinary task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.backends.stepfunctions.counting import Counting
from ductwork.backends.stepfunctions.maps import Each, Inside
from ductwork.backends.stepfunctions.outcomes import Kept
from ductwork.ir import Task, Workflow
from ductwork.ledger_schema import map_sk
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

# No task has this id: blanks are not allowed in one.
_SIZE = "the size"
SIZE = jsonata.of_input(_SIZE)


class Instances(Protocol):
    """What carries the instances of a task out."""

    @property
    def first(self) -> str:
        """The name of the first state, whose input has the number of instances: :data:`SIZE`."""

    def build(self, output: Callable[[str], Any], onwards: State) -> dict[str, State]:
        """
        :param output: the last Output, of an expression for the outcome, all that the instances ended in
        :param onwards: ``Next`` or ``End`` of the last state
        """


class Expansion:
    """The states of a mapped task."""

    def __init__(self, workflow: Workflow, task: Task, instances: Instances) -> None:
        self._workflow, self._task, self._instances = workflow, task, instances
        assert task.length is not None
        self._counting = Counting(workflow, task.task_id, task.length)
        self._size_name = shorten(f"How many {task.task_id}?", STATE_NAME_LIMIT)
        self._expand_name = shorten(f"Expand {task.task_id}", STATE_NAME_LIMIT)

    @property
    def first(self) -> str:
        """The name of the first state."""
        return self._counting.first(self._size_name)

    def build(self, record: str, to_record: Any, output: Callable[[str], Any], onwards: State) -> dict[str, State]:
        """
        :param record: the state that ends the task where it has no instances
        :param to_record: makes the Output that leads there: ``(outcome, try number)`` -> Output
        """
        states = self._counting.states(self._size_name)
        states[self._size_name] = self._how_many(record, to_record)
        states[self._expand_name] = self._expand()
        return states | self._instances.build(output, onwards)

    def _how_many(self, record: str, to_record: Any) -> State:
        size, missing = self._counting.size, self._counting.missing
        rules = [(missing, to_record("upstream_failed", 0), record)] if missing else []
        rules.append((f"({size}) = 0", to_record("skipped", 0), record))
        with_size = jsonata.expression(f"$merge([$states.input, {{{jsonata.text(_SIZE)}: {size}}}])")
        return {
            "Type": "Choice",
            "Choices": [
                {"Condition": jsonata.expression(condition), "Output": output, "Next": target}
                for condition, output, target in rules
            ],
            "Default": self._expand_name,
            "Output": with_size,
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
                    ":size": {"N": jsonata.expression(f"$string({SIZE})")},
                    ":expires": {"N": jsonata.expression("$run.expires")},
                },
            },
            "Output": "{% $states.input %}",
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
        self.first = shorten(f"each of {task.task_id}", STATE_NAME_LIMIT)
        limits = [slots.size // slots.count for slots in task.slots] + ([task.at_once] if task.at_once else [])
        at_once = min(limits, default=None)
        self.each = Each(workflow, task.task_id, SIZE, workflow.most(task.length), own, own, at_once)
        self._task, self._inside = task, inside

    def build(self, output: Callable[[str], Any], onwards: State) -> dict[str, State]:
        mapping = self.each.state(self._inside, Kept(), lambda outcomes: output(outcomes[self._task.task_id]))
        return {self.first: mapping | onwards}
