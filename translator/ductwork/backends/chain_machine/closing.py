"""The states after the last jobs: how the run has ended.

``Have all ended well?``    goes by the ends of the sinks
``Count failures``          a failed task's job may have ended well: the ledger knows
``Finish run``              every job ended well, and no task failed: so the run has succeeded
``Look at jobs``            a sink has ended as soon as one of several jobs above it failed; the others are waited for
``Stop run``                a job was not even taken: those that were are to be ended
``Settle run``              a job of the worker's image looks at what became of each task, as any mirror does, and ends
                            the run by Airflow's leaf rule. Only where something has failed
``Finish failed run``       in its place where no task has a worker, and a job's end is its task's
``How has the run ended?``  what the ledger says then
"""

from __future__ import annotations

from typing import Any

from ductwork.backends import worker_job
from ductwork.backends.chain_machine.model import Model
from ductwork.backends.chain_machine.submitting import FAILED_JOB
from ductwork.backends.stepfunctions import integrations, jsonata, run
from ductwork.ir import Retry, Workflow
from ductwork.ledger_schema import RUN_SK

State = dict[str, Any]

ENDED, FINISH = "Have all ended well?", run.FINISH
_COUNT, _FAILURES, _FINISH_FAILED = "Count failures", "Any failure?", "Finish failed run"
_LOOK, _LEFT, _PAUSE = "Look at jobs", "Jobs left?", "Wait for jobs"
STOP, _SETTLE = "Stop run", "Settle run"
_READ, _HOW, _UNSETTLED = "Read run", "How has the run ended?", "Run not settled"

_NOW = "{% $states.context.State.EnteredTime %}"
_DESCRIBE = "arn:aws:states:::aws-sdk:batch:describeJobs"
# Jobs for one look: with their environments, the reply must stay below 256 KiB.
_LOOKED_AT = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 5, 900  # seconds
_GOING_ON = "$states.result.Jobs[Status != 'SUCCEEDED' and Status != 'FAILED']"
# Settling takes seconds; it must not hang for ever on what it is not allowed to read.
_SETTLE_SECONDS, _SETTLE_ATTEMPTS = 1_800, 3


def closing(workflow: Workflow, model: Model) -> dict[str, State]:
    if not model.jobs:
        return {FINISH: _finish(workflow, model, "success", run.SUCCEEDED)} | _how(workflow)
    lost = _FINISH_FAILED if model.is_plain else _SETTLE
    well = _COUNT if model.has_quiet else FINISH
    states = {ENDED: _ended(model, well, lost)}
    if model.has_quiet:
        states |= _failures(workflow)
    states[FINISH] = _finish(workflow, model, "success", run.SUCCEEDED)
    if model.may_end_early:
        states |= _wait_for_others(lost)
    if model.is_plain:
        states[_FINISH_FAILED] = _finish(workflow, model, "failed", run.FAILED)
    else:
        states |= {STOP: _stop(workflow), _SETTLE: _settle(workflow)}
    return states | _how(workflow)


def look_events(model: Model) -> int:
    """The history events of going through all jobs once, after a failure."""
    return (len(model.submitted) // _LOOKED_AT + 1) * 7 if model.may_end_early else 0


def _ended(model: Model, well: str, lost: str) -> State:
    refused = f"$states.input.errors[$ != '{FAILED_JOB}']"
    why = {"why": jsonata.expression(f"$join([{refused}], '; ')")}
    failed: State = {"Condition": jsonata.expression("$count($states.input.errors) > 0"), "Output": {}, "Next": lost}
    if model.may_end_early:
        left = jsonata.expression(f"[{', '.join(f'${job.variable}' for job in model.submitted)}]")
        failed |= {"Assign": {"left": left, "pause": _FIRST_PAUSE}, "Next": _LOOK}
    return {
        "Type": "Choice",
        "Choices": [
            {
                "Condition": jsonata.expression(f"$count({refused}) > 0"),
                "Output": why,
                "Next": _UNSETTLED if model.is_plain else STOP,
            },
            failed,
        ],
        "Default": well,
    }


def _failures(workflow: Workflow) -> dict[str, State]:
    """What does not fit into one page of a query is left to the worker that settles."""
    found = "$states.result.Count > 0 or $exists($states.result.LastEvaluatedKey)"
    return {
        _COUNT: {
            "Type": "Task",
            "Resource": integrations.QUERY,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
                "FilterExpression": "outcome IN (:failed, :upstream_failed)",
                "ExpressionAttributeValues": {
                    ":pk": {"S": jsonata.expression("$run.pk")},
                    ":prefix": {"S": "task#"},
                    ":failed": {"S": "failed"},
                    ":upstream_failed": {"S": "upstream_failed"},
                },
                "Select": "COUNT",
                "ConsistentRead": True,
            },
            "Output": {"found": jsonata.expression(found)},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": _FAILURES,
        },
        _FAILURES: {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.found %}", "Next": _SETTLE}],
            "Default": FINISH,
        },
    }


def _finish(workflow: Workflow, model: Model, state: str, after: str) -> State:
    """End the run, unless a mirror has, or somebody has restarted it since.

    Where a look at the jobs has yet to end tasks that no worker records, the run is finished, and has ended with it.
    """
    moment = "finished_at" if model.has_silent else "ended_at"
    return {
        "Type": "Task",
        "Resource": integrations.UPDATE_ITEM,
        "Arguments": {
            "TableName": workflow.ledger_table,
            "Key": integrations.item_key(RUN_SK),
            "UpdateExpression": f"SET #state = :state, {moment} = :now, updated_at = :now",
            "ConditionExpression": "attribute_not_exists(ended_at) AND attribute_not_exists(restarts)",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":state": {"S": state}, ":now": {"S": _NOW}},
        },
        "Output": {},
        "Retry": integrations.CONDITIONAL_RETRY,
        "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": _READ}],
        "Next": after,
    }


def _wait_for_others(after: str) -> dict[str, State]:
    further = f"$filter($left, function($job, $at) {{ $at >= {_LOOKED_AT} }})"
    first = f"[$filter($left, function($job, $at) {{ $at < {_LOOKED_AT} }})]"
    return {
        _LOOK: {
            "Type": "Task",
            "Resource": _DESCRIBE,
            "Arguments": {"Jobs": jsonata.expression(first)},
            "Assign": {"left": jsonata.expression(f"[{_GOING_ON}.JobId, {further}]")},
            "Output": {"going_on": jsonata.expression(f"$count({_GOING_ON})")},
            "Retry": [{**integrations.SUBMIT_RETRY, "ErrorEquals": ["States.TaskFailed"]}],
            "Next": _LEFT,
        },
        _LEFT: {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.going_on > 0 %}", "Next": _PAUSE},
                {"Condition": "{% $count($left) > 0 %}", "Next": _LOOK},
            ],
            "Default": after,
        },
        _PAUSE: {
            "Type": "Wait",
            "Seconds": "{% $pause %}",
            "Assign": {"pause": jsonata.expression(f"$min([2 * $pause, {_LONGEST_PAUSE}])")},
            "Next": _LOOK,
        },
    }


def _stop(workflow: Workflow) -> State:
    return {
        "Type": "Task",
        "Resource": integrations.UPDATE_ITEM,
        "Arguments": {
            "TableName": workflow.ledger_table,
            "Key": integrations.item_key(RUN_SK),
            "UpdateExpression": "SET stopping = if_not_exists(stopping, :why), updated_at = :now",
            "ExpressionAttributeValues": {":why": {"S": "{% $states.input.why %}"}, ":now": {"S": _NOW}},
        },
        "Output": {},
        "Retry": integrations.DYNAMODB_RETRY,
        "Next": _SETTLE,
    }


def _settle(workflow: Workflow) -> State:
    request = worker_job.run_request(workflow)
    request["containerOverrides"]["environment"].append({"name": "DUCTWORK_CALLBACK", "value": "settle"})
    request |= {
        "timeout": {"attemptDurationSeconds": _SETTLE_SECONDS},
        "retryStrategy": {"attempts": _SETTLE_ATTEMPTS},
    }
    return {
        "Type": "Task",
        "Resource": integrations.SUBMIT_JOB_AND_WAIT,
        "Arguments": integrations.submit_arguments(workflow.dag_id, "settle", request),
        "Output": {},
        "Retry": integrations.job_retry(Retry()),
        # A mirror may have settled it all the same.
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": {}, "Next": _READ}],
        "Next": _READ,
    }


def _how(workflow: Workflow) -> dict[str, State]:
    ended = "$exists($states.result.Item.ended_at) ? $states.result.Item.state.S : 'running'"
    cause = "'the ledger does not say how run ' & $run.id & ' has ended: look at its jobs (ductwork status --watch)'"
    return {
        _READ: {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "Key": integrations.item_key(RUN_SK),
                "ConsistentRead": True,
                "ProjectionExpression": "#state, ended_at",
                "ExpressionAttributeNames": {"#state": "state"},
            },
            "Output": {"state": jsonata.expression(ended)},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": _HOW,
        },
        _HOW: {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.state = 'success' %}", "Next": run.SUCCEEDED},
                {"Condition": "{% $states.input.state = 'failed' %}", "Next": run.FAILED},
            ],
            "Default": _UNSETTLED,
        },
        run.SUCCEEDED: {"Type": "Succeed"},
        run.FAILED: run.FAILURE,
        _UNSETTLED: {"Type": "Fail", "Error": "Ductwork.RunNotSettled", "Cause": jsonata.expression(cause)},
    }
