"""What the Express machines that start runs have in common: a run is claimed in the ledger, started, and forgotten.

``Read queue``     the item of the ledger, and what follows from it: whether a run is due, and which
``Runs going on``  with a limit: whether there is room; the end of a run looks again
``Claim``          takes the run; who comes second reads the queue again
``Start run``      under a name that follows from the run, so that it is started once
``Forget run``     it has been; had this been cut off before, the next event would start it
"""

from __future__ import annotations

from collections.abc import Mapping

from ductwork import ir
from ductwork.contracts import run_queue as contract
from ductwork.contracts.aws_schedules import MACHINE_PLACE
from ductwork.contracts.json_types import JsonObject

_CONDITION_FAILED = ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]
_EXISTS = ["Sfn.ExecutionAlreadyExistsException", "Sfn.ExecutionAlreadyExists"]
TRANSIENT = {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 4, "JitterStrategy": "FULL"}
"""A retry of what AWS may refuse for a moment."""

ENDS: JsonObject = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {
        "stateMachineArn": [MACHINE_PLACE],
        "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
    },
}
"""The pattern of the events that tell of a run's end."""

NAME = "$substring($replace($parse($due).run_id, /[^0-9A-Za-z_-]/, '-'), 0, 80)"
"""The name of the execution of the run that is due, as JSONata."""


def as_airflow_writes(time: str) -> str:
    """JSONata: a time in UTC as Airflow writes it, with microseconds if there are any.

    :param time: JSONata of ISO 8601 with milliseconds and ``Z``
    """
    return f"$replace($replace({time}, '.000Z', '+00:00'), 'Z', '000+00:00')"


def filled(text: str, known: Mapping[str, str]) -> str:
    """JSONata in one line, with values in the place of names."""
    text = " ".join(text.split())
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def key(workflow: ir.Workflow, sk: str = contract.QUEUE_SK) -> JsonObject:
    """The primary key of an item of the DAG's, as DynamoDB takes it."""
    return {"pk": {"S": contract.queue_pk(workflow.dag_id)}, "sk": {"S": sk}}


def deciding(
    workflow: ir.Workflow, queue: str, due: str, limit: int, before: Mapping[str, object] | None = None
) -> JsonObject:
    """The states that find out whether a run is to be claimed.

    :param queue: JSONata, of the item: an object that has ``due``, ``counted``, ``last`` and ``run``
    :param due: a condition on ``$queue``: a run is due
    :param limit: how many runs may go on at a time; 0 for any number
    :param before: further choices that are made before this one
    """
    then = "Runs going on" if limit else "Claim"
    states: dict[str, object] = {
        "Read queue": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:getItem",
            "Arguments": {"TableName": workflow.ledger_table, "Key": key(workflow), "ConsistentRead": True},
            "Assign": {"queue": queue},
            "Retry": [TRANSIENT],
            "Next": "Does it start a run?",
        },
        "Does it start a run?": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": "{% $queue.due != '' %}",
                    "Assign": {"due": "{% $queue.due %}"},
                    "Next": "Start run",
                },
                *([before] if before else []),
                {"Condition": f"{{% {due} %}}", "Next": then},
            ],
            "Default": "Done",
        },
    }
    if limit:
        active = "$count([$states.result.Executions[ExecutionArn != $event.ended]])"
        states["Runs going on"] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:listExecutions",
            "Arguments": {"StateMachineArn": MACHINE_PLACE, "StatusFilter": "RUNNING", "MaxResults": limit + 1},
            "Assign": {"has_room": f"{{% {active} < {limit} %}}"},
            "Retry": [TRANSIENT],
            "Next": "Is there room?",
        }
        states["Is there room?"] = {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $has_room %}", "Next": "Claim"}],
            "Default": "Done",
        }
    return states


def starting(
    workflow: ir.Workflow, claimed: str, forgotten: str = "REMOVE due_run", values: JsonObject | None = None
) -> JsonObject:
    """The states that claim a run and start it.

    :param claimed: the update of the item that claims ``$queue.run``, which counts itself besides; JSONata between
        quotes
    :param forgotten: the update once it has been started
    :param values: that this update names
    """
    item = {"TableName": workflow.ledger_table, "Key": key(workflow)}
    # An item that is not there yet has counted nothing.
    unchanged = "(counted = :counted OR attribute_not_exists(counted)) AND attribute_not_exists(due_run)"
    claim = {
        **item,
        "UpdateExpression": f"{{% '{claimed} ADD counted :one' %}}",
        "ConditionExpression": unchanged,
        "ExpressionAttributeValues": {
            ":last": {"S": "{% $queue.last %}"},
            ":run": {"S": "{% $queue.run %}"},
            ":counted": {"N": "{% $queue.counted %}"},
            ":one": {"N": "1"},
        },
    }
    forget = {
        **item,
        "UpdateExpression": forgotten,
        "ConditionExpression": "due_run = :run",
        "ExpressionAttributeValues": {":run": {"S": "{% $due %}"}, **(values or {})},
    }
    retry = [{"ErrorEquals": _CONDITION_FAILED, "MaxAttempts": 0}, TRANSIENT]
    lost = [{"ErrorEquals": _CONDITION_FAILED, "Next": "Read queue"}]
    return {
        "Claim": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": claim,
            "Assign": {"due": "{% $queue.run %}"},
            "Retry": retry,
            "Catch": lost,
            "Next": "Start run",
        },
        "Start run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
            "Arguments": {"StateMachineArn": MACHINE_PLACE, "Name": f"{{% {NAME} %}}", "Input": "{% $due %}"},
            "Retry": [{"ErrorEquals": _EXISTS, "MaxAttempts": 0}, TRANSIENT],
            "Catch": [{"ErrorEquals": _EXISTS, "Next": "Forget run"}],
            "Next": "Forget run",
        },
        "Forget run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": forget,
            "Retry": retry,
            "Catch": lost,
            "Next": "Read queue",
        },
    }
