"""The states around the tasks: they open the run in the ledger and close it.

``Prepare run``   fills in what the execution's input leaves out, as Airflow would
``Start run``     creates the run item, once: a second delivery of the same scheduled time ends quietly
``Finish run``    writes the run's state by Airflow's leaf rule
``Call back``     a job that calls what the DAG says is to be called at the end of a run
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import arrays, integrations, jsonata, past
from ductwork.backends.stepfunctions.slots import Limit
from ductwork.ir import BatchJob, Instant, Retry, Task, Worker, Workflow
from ductwork.ledger_schema import JOIN_PREFIX, RETENTION_DAYS, RUN_SK, limit_key

State = dict[str, Any]

PREPARE, START, ALREADY, FINISH = "Prepare run", "Start run", "Already started", "Finish run"
BEGIN = "Begin run"
CHECK, SUCCEEDED, FAILED = "Run succeeded?", "Run succeeded", "Run failed"
CALL_BACK, CALLED = "Call back", "Called back"
_ENDS = {"success": SUCCEEDED, "failed": FAILED}

FAILURE = {
    "Type": "Fail",
    "Error": "Ductwork.RunFailed",
    "Cause": "{% 'run ' & $run.id & ' failed: its task instances are in the ledger under ' & $run.pk %}",
}

_NOW = "{% $states.context.State.EnteredTime %}"


def opening(
    workflow: Workflow, first_task: str, *, joins: bool, item: Mapping[str, Any] | None = None
) -> dict[str, State]:
    """
    :param joins: some part of the machine waits for another by a join
    :param item: attributes of the run's item besides, or in place of, the usual ones
    """
    then, before = _before_first(workflow, first_task)
    further = (_JOINS if joins else "") + (_LIMITED if _limits(workflow) else "")
    return {
        PREPARE: {
            "Type": "Pass",
            "Assign": {"run": jsonata.expression(_run_values(workflow.dag_id, further))},
            "Output": {},
            "Next": START,
        },
        START: {
            "Type": "Task",
            "Resource": integrations.PUT_ITEM,
            "Arguments": _create_run(workflow, item or {}),
            "Output": {},
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": ALREADY}],
            "Next": then,
        },
        ALREADY: {"Type": "Succeed"},
        **before,
    }


def _before_first(workflow: Workflow, first_task: str) -> tuple[str, dict[str, State]]:
    """What a run waits for, and finds out, before its first task."""
    states: dict[str, State] = {}
    if any(task.past for task in workflow.tasks):
        states, first_task = past.line_up(workflow, first_task), past.LINE_UP
    if limit := Limit.of_runs(workflow):
        begin = {BEGIN: _begin(workflow, first_task)}
        first_task, taking = limit.take(BEGIN)
        states = taking | begin | states
    return first_task, states


def _begin(workflow: Workflow, after: str) -> State:
    return {
        "Type": "Task",
        "Resource": integrations.UPDATE_ITEM,
        "Arguments": {
            "TableName": workflow.ledger_table,
            "Key": integrations.item_key(RUN_SK),
            "UpdateExpression": "SET #state = :running, updated_at = :now",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":running": {"S": "running"}, ":now": {"S": _NOW}},
        },
        "Output": {},
        "Retry": integrations.DYNAMODB_RETRY,
        "Next": after,
    }


def closing(workflow: Workflow) -> dict[str, State]:
    """The states after the last task."""
    at_end = {end: CALL_BACK if end in workflow.calls_back else state for end, state in _ENDS.items()}
    limit = Limit.of_runs(workflow)
    if limit is None:
        return _finish(workflow, at_end, CHECK)
    free, freeing = limit.free({"state": "{% $states.input.state %}"}, CHECK)
    states = _finish(workflow, at_end, free)
    return {FINISH: states.pop(FINISH), **freeing, **states}


def _finish(workflow: Workflow, at_end: dict[str, str], then: str) -> dict[str, State]:
    ended: dict[str, State] = {
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
            "Next": then,
        },
        CHECK: {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.state = 'success' %}", "Next": at_end["success"]}],
            "Default": at_end["failed"],
        },
        SUCCEEDED: {"Type": "Succeed"},
        FAILED: FAILURE,
    }
    return ended | (_call_back(workflow) if workflow.calls_back else {})


def _call_back(workflow: Workflow) -> dict[str, State]:
    request = worker_job.run_request(workflow)
    request["containerOverrides"]["environment"].append({"name": "DUCTWORK_CALLBACK", "value": "run"})
    arguments = integrations.submit_arguments(workflow.dag_id, "callback", request)
    states: dict[str, State] = {
        CALL_BACK: {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": arguments,
            "Output": "{% $states.input %}",
            "Retry": integrations.job_retry(Retry()),
            # A run has ended as it has, whatever became of the callback.
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": CALLED}],
            "Next": CALLED,
        }
    }
    both = len(workflow.calls_back) > 1
    if both:
        states[CALLED] = {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.state = 'success' %}", "Next": SUCCEEDED}],
            "Default": FAILED,
        }
        return states
    (end,) = workflow.calls_back
    states[CALL_BACK]["Next"] = states[CALL_BACK]["Catch"][0]["Next"] = _ENDS[end]
    return states


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


# A restart is another execution of the same run and must not find the joins of the one before.
_JOINS = f" 'joins': '{JOIN_PREFIX}' & $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 8) & '#',"

# Who holds the slots of a limit.
_LIMITED = " 'execution': $states.context.Execution.Id,"


def _run_values(dag_id: str, further: str) -> str:
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
        f"{further}"
        " 'logical_date': $date,"
        " 'start': $in.data_interval_start ? $utc($in.data_interval_start) : $date,"
        " 'end': $in.data_interval_end ? $utc($in.data_interval_end) : $date,"
        " 'conf': $in.conf ? $string($in.conf) : '{}',"
        " 'done': $in.done ? $in.done : {},"
        f" 'expires': $string($floor($millis() / 1000) + {RETENTION_DAYS * 86400})}} )"
    )


def _create_run(workflow: Workflow, further: Mapping[str, Any]) -> State:
    item: dict[str, Any] = {
        **integrations.item_key(RUN_SK),
        "dag_id": {"S": workflow.dag_id},
        "run_id": {"S": "{% $run.id %}"},
        "state": {"S": "queued" if workflow.max_active_runs else "running"},
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
    if keys := _limits(workflow):
        # Where to free what an execution that breaks cannot free itself.
        item["limits"] = {"L": [{"L": [{"S": part} for part in key]} for key in keys]}
    if workflow.assets:
        # A list's text is never taken for an expression.
        item["assets"] = {"S": json.dumps([asset.document() for asset in workflow.assets])}
    return {
        "TableName": workflow.ledger_table,
        "Item": item | dict(further),
        # A retry of this very state finds the item its first try wrote.
        "ConditionExpression": "attribute_not_exists(pk) OR execution_arn = :execution",
        "ExpressionAttributeValues": {":execution": {"S": "{% $states.context.Execution.Id %}"}},
    }


def _limits(workflow: Workflow) -> list[tuple[str, str]]:
    """The keys of the limits that the run and its tasks are under."""
    keys = [limit_key(workflow.dag_id)] if workflow.max_active_runs else []
    return list(dict.fromkeys([*keys, *(slots.key for task in workflow.tasks for slots in task.slots)]))


def _task_facts(workflow: Workflow) -> dict[str, Any]:
    """What workers, the mirror and a restart must know of tasks, where it differs from the default."""
    sizes = {task: {"literal_size": {"N": str(number)}} for task, number in workflow.sizes.items() if number}
    return {task.task_id: {"M": _facts(task) | sizes.get(task.task_id, {})} for task in workflow.tasks}


def _delays(retry: Retry) -> dict[str, float]:
    found = {"retry_delay": retry.delay, "retry_backoff": retry.backoff, "max_retry_delay": retry.max_delay}
    return {name: value for name, value in found.items() if value}


def _facts(task: Task) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if task.upstream:
        facts["upstream"] = {"SS": sorted(task.upstream)}
    if task.group:
        facts["group"] = {"S": task.group}
    if task.retry.retries:
        facts["max_tries"] = {"N": str(task.retry.retries)}
    if task.retry.retries and task.length is not None and arrays.fits(task):
        # Batch starts the next attempt of an array's child at once: the worker waits.
        facts |= {name: {"N": f"{value:g}"} for name, value in _delays(task.retry).items()}
    if isinstance(task.work, Worker) and not task.reschedules:
        # The machine has no loop through a Wait for a task that is not known to ask to be started again later.
        facts["hold_reschedules"] = {"BOOL": True}
    if isinstance(task.work, BatchJob):
        facts["native"] = {"BOOL": True}
    if isinstance(task.work, Instant):
        # Nothing below it asks how it ended.
        facts["instant"] = {"BOOL": True}
    return facts
