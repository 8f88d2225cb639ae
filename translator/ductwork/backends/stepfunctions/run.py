"""The states around the tasks: they open the run in the ledger and close it.

``Prepare run``   fills in what the execution's input leaves out, as Airflow would
``Start run``     creates the run item, once: a second delivery of the same scheduled time ends quietly
``Finish run``    writes the run's state by Airflow's leaf rule
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.ir import BatchJob, Task, Worker, Workflow
from ductwork.ledger_schema import RETENTION_DAYS, RUN_SK

State = dict[str, Any]

PREPARE, START, ALREADY, FINISH = "Prepare run", "Start run", "Already started", "Finish run"
CHECK, SUCCEEDED, FAILED = "Run succeeded?", "Run succeeded", "Run failed"

_NOW = "{% $states.context.State.EnteredTime %}"


def opening(workflow: Workflow, first_task: str) -> dict[str, State]:
    return {
        PREPARE: {
            "Type": "Pass",
            "Assign": {"run": jsonata.expression(_run_values(workflow.dag_id))},
            "Output": {},
            "Next": START,
        },
        START: {
            "Type": "Task",
            "Resource": integrations.PUT_ITEM,
            "Arguments": _create_run(workflow),
            "Output": {},
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": ALREADY}],
            "Next": first_task,
        },
        ALREADY: {"Type": "Succeed"},
    }


def closing(workflow: Workflow) -> dict[str, State]:
    return {
        FINISH: {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "Key": integrations.item_key(RUN_SK),
                "UpdateExpression": "SET #state = :state, ended_at = :now, updated_at = :now",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {
                    ":state": {"S": jsonata.expression(_leaf_rule(workflow.leaves))},
                    ":now": {"S": _NOW},
                },
                "ReturnValues": "UPDATED_NEW",
            },
            "Output": {"state": "{% $states.result.Attributes.state.S %}"},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": CHECK,
        },
        CHECK: {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.state = 'success' %}", "Next": SUCCEEDED}],
            "Default": FAILED,
        },
        SUCCEEDED: {"Type": "Succeed"},
        FAILED: {
            "Type": "Fail",
            "Error": "Ductwork.RunFailed",
            "Cause": "{% 'run ' & $run.id & ' failed: its task instances are in the ledger under ' & $run.pk %}",
        },
    }


def _leaf_rule(leaves: Sequence[str]) -> str:
    """Expression: Airflow fails a run if a task that nothing depends on failed or could not run."""
    if not leaves:
        return "'success'"
    outcomes = jsonata.inputs(leaves)
    return f"'failed' in {outcomes} or 'upstream_failed' in {outcomes} ? 'failed' : 'success'"


# A function: a time in any zone, or a date, as Airflow writes it in UTC. What is in UTC already keeps its digits.
_UTC = (
    "function($t) { $contains($t, /T.*(Z|[+]00:00)$/) ? $replace($t, 'Z', '+00:00')"
    " : $fromMillis($toMillis($t), '[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01]+00:00') }"
)


def _run_values(dag_id: str) -> str:
    """Expression: the variable ``$run``. Airflow's run id is made of the run's type and its logical date.

    An input with a logical date and nothing else is EventBridge Scheduler's: a scheduled run. ``done`` is a restart's:
    the tasks to pass over, with their outcomes.
    """
    return (
        "( $in := $states.input;"
        f" $utc := {_UTC};"
        " $date := $utc($in.logical_date ? $in.logical_date : $states.context.Execution.StartTime);"
        " $type := $in.run_type ? $in.run_type"
        " : $in.run_id ? ($contains($in.run_id, /^(scheduled|backfill|asset_triggered)__/)"
        " ? $substringBefore($in.run_id, '__') : 'manual')"
        " : $in.logical_date ? 'scheduled' : 'manual';"
        " $id := $in.run_id ? $in.run_id : $type & '__' & $date;"
        f" {{'id': $id, 'type': $type, 'pk': {jsonata.text(f'run#{dag_id}#')} & $id,"
        f" 'hash': $substring($hash({jsonata.text(f'{dag_id}#')} & $id, 'SHA-256'), 0, 8),"
        " 'logical_date': $date,"
        " 'start': $in.data_interval_start ? $utc($in.data_interval_start) : $date,"
        " 'end': $in.data_interval_end ? $utc($in.data_interval_end) : $date,"
        " 'conf': $in.conf ? $string($in.conf) : '{}',"
        " 'done': $in.done ? $in.done : {},"
        f" 'expires': $string($floor($millis() / 1000) + {RETENTION_DAYS * 86400})}} )"
    )


def _create_run(workflow: Workflow) -> State:
    item: dict[str, Any] = {
        **integrations.item_key(RUN_SK),
        "dag_id": {"S": workflow.dag_id},
        "run_id": {"S": "{% $run.id %}"},
        "state": {"S": "running"},
        "run_type": {"S": "{% $run.type %}"},
        "logical_date": {"S": "{% $run.logical_date %}"},
        "data_interval_start": {"S": "{% $run.start %}"},
        "data_interval_end": {"S": "{% $run.end %}"},
        "run_after": {"S": "{% $run.end %}"},
        "conf": {"S": "{% $run.conf %}"},
        "started_at": {"S": _NOW},
        "updated_at": {"S": _NOW},
        "target": {"S": "stepfunctions"},
        "execution_arn": {"S": "{% $states.context.Execution.Id %}"},
        "dag_file": {"S": workflow.dag_file},
        "tasks": {"M": _task_facts(workflow)},
        "expires_at": {"N": "{% $run.expires %}"},
    }
    return {
        "TableName": workflow.ledger_table,
        "Item": item,
        # A retry of this very state finds the item its first try wrote.
        "ConditionExpression": "attribute_not_exists(pk) OR execution_arn = :execution",
        "ExpressionAttributeValues": {":execution": {"S": "{% $states.context.Execution.Id %}"}},
    }


def _task_facts(workflow: Workflow) -> dict[str, Any]:
    """What workers, the mirror and a restart must know of tasks, where it differs from the default."""
    return {task.task_id: {"M": _facts(task)} for task in workflow.tasks}


def _facts(task: Task) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if task.upstream:
        facts["upstream"] = {"SS": sorted(task.upstream)}
    if task.retry.retries:
        facts["max_tries"] = {"N": str(task.retry.retries)}
    if isinstance(task.work, Worker):
        # The machine has no loop through a Wait for a task that asks to be started again later.
        facts["hold_reschedules"] = {"BOOL": True}
    if isinstance(task.work, BatchJob):
        facts["native"] = {"BOOL": True}
    return facts
