"""depends_on_past and wait_for_downstream: a task waits for itself in the run before.

``Line up``            puts the run behind the DAG's latest one, once
``Remember the past``  notes which that was on the run's item, for a restart
``Await past X``       waits until X of that run, and with wait_for_downstream all directly below it, succeeded or was
                       skipped; it goes on at once where there is no run before
``Tell next run: X``   X has ended so, or a task directly below it has
``Wake X of next run`` wakes the run that waits for it

The run before is the latest one that was started for an earlier logical date. As under Airflow, a task whose past self
failed waits until that is mended: by a restart of the run before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata, outcomes
from ductwork.backends.stepfunctions.waking import Waking
from ductwork.ir import Workflow
from ductwork.ledger_schema import RUN_SK, latest_key, past_sk
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

LINE_UP = "Line up"
_REMEMBER, _RECALL = "Remember the past", "Recall the past"
_ITEM = "the past"


def line_up(workflow: Workflow, after: str) -> dict[str, State]:
    """The states that find the run before; afterwards the variable ``$past`` holds its key, or empty text."""
    pk, sk = latest_key(workflow.dag_id)
    run = {"TableName": workflow.ledger_table, "Key": integrations.item_key(RUN_SK)}
    latest = jsonata.expression("$exists($states.result.Attributes.run) ? $states.result.Attributes.run.S : ''")
    noted = jsonata.expression("$exists($states.result.Item.past) ? $states.result.Item.past.S : ''")
    return {
        LINE_UP: {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
                "UpdateExpression": "SET #run = :run, logical_date = :date",
                "ConditionExpression": "attribute_not_exists(logical_date) OR logical_date < :date",
                "ExpressionAttributeNames": {"#run": "run"},
                "ExpressionAttributeValues": {
                    ":run": {"S": jsonata.expression("$run.pk")},
                    ":date": {"S": jsonata.expression("$run.logical_date")},
                },
                "ReturnValues": "ALL_OLD",
            },
            "Output": {"past": latest},
            "Retry": integrations.CONDITIONAL_RETRY,
            # A restart, or a run of the past: what was noted when it first came, if anything.
            "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": _RECALL}],
            "Next": _REMEMBER,
        },
        _REMEMBER: {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                **run,
                "UpdateExpression": "SET past = :past",
                "ExpressionAttributeValues": {":past": {"S": jsonata.expression("$states.input.past")}},
            },
            "Assign": {"past": jsonata.expression("$states.input.past")},
            "Output": {},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        },
        _RECALL: {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {**run, "ConsistentRead": True},
            "Assign": {"past": noted},
            "Output": {},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        },
    }


@dataclass(frozen=True)
class Past:
    """The wait of one task.

    :param tells: the task, and with wait_for_downstream those directly below it
    """

    table: str
    task_id: str
    tells: tuple[str, ...]

    def wait(self, after: str) -> tuple[str, dict[str, State]]:
        """The states before the task; the state data passes through."""
        await_name = shorten(f"Await past {self.task_id}", STATE_NAME_LIMIT)
        asks = shorten(f"Has {self.task_id} a past?", STATE_NAME_LIMIT)
        token = jsonata.expression("$states.context.Task.Token")
        values = {":token": {"S": token}, ":all": {"N": str(len(self.tells))}}
        waiting: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM_AND_WAIT,
            "Arguments": {
                "TableName": self.table,
                "Key": {"pk": {"S": jsonata.expression("$past")}, "sk": {"S": past_sk(self.task_id)}},
                "UpdateExpression": "SET #token = :token, expires_at = :expires",
                "ConditionExpression": "attribute_not_exists(#told) OR size(#told) < :all",
                "ExpressionAttributeNames": {"#token": "token", "#told": "told"},
                "ExpressionAttributeValues": values | {":expires": {"N": jsonata.expression("$run.expires")}},
            },
            "Output": "{% $states.input %}",
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": "{% $states.input %}", "Next": after}],
            "Next": after,
        }
        asking = {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $past = '' %}", "Next": after}],
            "Default": await_name,
        }
        return asks, {asks: asking, await_name: waiting}

    def tell(self, table: str, task_id: str, kept: outcomes.Kept, after: str | None) -> tuple[str, dict[str, State]]:
        """The states after ``task_id``, whose outcome is in the state data."""
        item = f"$states.input.{jsonata.name(_ITEM)}"
        mine = jsonata.of_input(task_id)
        badly = f"'failed' in [{mine}] or 'upstream_failed' in [{mine}]"
        waking = Waking(
            names=(
                f"Tell next run: {self.task_id}: {task_id}",
                f"Does next run wait? {self.task_id}: {task_id}",
                f"Wake {self.task_id} of next run: {task_id}",
                f"Told next run: {self.task_id}: {task_id}",
            ),
            update={
                "TableName": table,
                "Key": integrations.item_key(past_sk(self.task_id)),
                "UpdateExpression": "ADD #told :me SET expires_at = :expires",
                "ExpressionAttributeNames": {"#told": jsonata.expression(f"{badly} ? 'ended_badly' : 'told'")},
                "ExpressionAttributeValues": {
                    ":me": {"SS": [task_id]},
                    ":expires": {"N": jsonata.expression("$run.expires")},
                },
                "ReturnValues": "ALL_NEW",
            },
            noted=(_ITEM, "$states.result.Attributes"),
            awaited=f"$exists({item}.token) and $count({item}.told.SS) = {len(self.tells)}",
            token=f"{item}.token.S",
        )
        return waking.states(kept.output({}, exactly=True), after)


def pasts(workflow: Workflow) -> dict[str, Past]:
    """The waits of a workflow's tasks, by task."""
    return {
        task.task_id: Past(
            workflow.ledger_table,
            task.task_id,
            (task.task_id, *(_below(workflow, task.task_id) if task.past == "all" else ())),
        )
        for task in workflow.tasks
        if task.past
    }


def _below(workflow: Workflow, task_id: str) -> Sequence[str]:
    return [task.task_id for task in workflow.tasks if task_id in task.upstream]
