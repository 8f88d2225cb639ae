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

from ductwork.backends import worker_job
from ductwork.backends.chain_machine.model import Model
from ductwork.backends.chain_machine.submitting import FAILED_JOB
from ductwork.backends.stepfunctions import run_states
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Lambda,
    Name,
    Variable,
    array,
    call,
    either,
    every,
    exists,
    joined,
    product,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.contracts import error_names
from ductwork.contracts.ledger import RUN_SK
from ductwork.ir import Retry, Workflow

ENDED, FINISH = "Have all ended well?", run_states.FINISH
_COUNT, _FAILURES, _FINISH_FAILED = "Count failures", "Any failure?", "Finish failed run"
_LOOK, _LEFT, _PAUSE = "Look at jobs", "Jobs left?", "Wait for jobs"
STOP, _SETTLE = "Stop run", "Settle run"
_READ, _HOW, _UNSETTLED = "Read run", "How has the run ended?", "Run not settled"

_DESCRIBE = "arn:aws:states:::aws-sdk:batch:describeJobs"
# Jobs for one look: with their environments, the reply must stay below 256 KiB.
_LOOKED_AT = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 5, 900  # seconds
_STATUS = Name("Status")
_GOING_ON = RESULT.field("Jobs").where(every(_STATUS.differs("SUCCEEDED"), _STATUS.differs("FAILED")))
# The ids of the jobs to look at, and the seconds until then.
_JOBS, _WAIT_SECONDS = Variable("left"), Variable("pause")
# Settling takes seconds; it must not hang for ever on what it is not allowed to read.
_SETTLE_SECONDS, _SETTLE_ATTEMPTS = 1_800, 3


def closing(workflow: Workflow, model: Model) -> States:
    """The states after the last jobs; their input is ``{"errors": [...]}``, as ``submitting.wait`` leaves it."""
    if not model.jobs:
        return {FINISH: _finish(workflow, model, "success", run_states.SUCCEEDED)} | _how(workflow)
    lost = _FINISH_FAILED if model.is_plain else _SETTLE
    well = _COUNT if model.has_quiet else FINISH
    states = {ENDED: _ended(model, well, lost)}
    if model.has_quiet:
        states |= _failures(workflow)
    states[FINISH] = _finish(workflow, model, "success", run_states.SUCCEEDED)
    if model.may_end_early:
        states |= _wait_for_others(lost)
    if model.is_plain:
        states[_FINISH_FAILED] = _finish(workflow, model, "failed", run_states.FAILED)
    else:
        states |= {STOP: _stop(workflow), _SETTLE: _settle(workflow)}
    return states | _how(workflow)


def look_events(model: Model) -> int:
    """The history events of going through all jobs once, after a failure."""
    return (len(model.submitted) // _LOOKED_AT + 1) * 7 if model.may_end_early else 0


def _ended(model: Model, well: str, lost: str) -> State:
    errors = INPUT.field("errors")
    refused = errors.where(ITEM.differs(FAILED_JOB))
    failed: State = {"Condition": call("count", errors) > 0, "Output": {}, "Next": lost}
    if model.may_end_early:
        left = array(*(Variable(job.variable) for job in model.submitted))
        failed |= {"Assign": {"left": left, "pause": _FIRST_PAUSE}, "Next": _LOOK}
    return {
        "Type": "Choice",
        "Choices": [
            {
                "Condition": call("count", refused) > 0,
                "Output": {"why": call("join", array(refused), "; ")},
                "Next": _UNSETTLED if model.is_plain else STOP,
            },
            failed,
        ],
        "Default": well,
    }


def _failures(workflow: Workflow) -> States:
    """What does not fit into one page of a query is left to the worker that settles."""
    found = either(RESULT.field("Count") > 0, exists(RESULT.field("LastEvaluatedKey")))
    return {
        _COUNT: {
            "Type": "Task",
            "Resource": integrations.QUERY,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
                "FilterExpression": "outcome IN (:failed, :upstream_failed)",
                "ExpressionAttributeValues": {
                    ":pk": {"S": RUN.field("pk")},
                    ":prefix": {"S": "task#"},
                    ":failed": {"S": "failed"},
                    ":upstream_failed": {"S": "upstream_failed"},
                },
                "Select": "COUNT",
                "ConsistentRead": True,
            },
            "Output": {"found": found},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": _FAILURES,
        },
        _FAILURES: {
            "Type": "Choice",
            "Choices": [{"Condition": INPUT.field("found"), "Next": _SETTLE}],
            "Default": FINISH,
        },
    }


def _finish(workflow: Workflow, model: Model, state: str, after: str) -> State:
    """End the run, unless a mirror has, or somebody has restarted it since.

    Where a look at the jobs has yet to end tasks that no worker records, the run is finished, and has ended with it.
    """
    moment = "finished_at" if model.has_silent else "ended_at"
    untouched = "attribute_not_exists(ended_at) AND attribute_not_exists(restarts)"
    changes = f"#state = :state, {moment} = :now"
    return run_states.update_run(workflow, changes, {":state": state}, after, only_if=(untouched, _READ))


def _wait_for_others(after: str) -> States:
    job, at = Variable("job"), Variable("at")
    first, further = (call("filter", _JOBS, Lambda((job, at), which)) for which in (at < _LOOKED_AT, at >= _LOOKED_AT))
    return {
        _LOOK: {
            "Type": "Task",
            "Resource": _DESCRIBE,
            "Arguments": {"Jobs": array(first)},
            "Assign": {"left": array(_GOING_ON.field("JobId"), further)},
            "Output": {"going_on": call("count", _GOING_ON)},
            "Retry": [{**integrations.SUBMIT_RETRY, "ErrorEquals": [integrations.TASK_FAILED]}],
            "Next": _LEFT,
        },
        _LEFT: {
            "Type": "Choice",
            "Choices": [
                {"Condition": INPUT.field("going_on") > 0, "Next": _PAUSE},
                {"Condition": call("count", _JOBS) > 0, "Next": _LOOK},
            ],
            "Default": after,
        },
        _PAUSE: {
            "Type": "Wait",
            "Seconds": _WAIT_SECONDS,
            "Assign": {"pause": call("min", [product(2, _WAIT_SECONDS), _LONGEST_PAUSE])},
            "Next": _LOOK,
        },
    }


def _stop(workflow: Workflow) -> State:
    changes = "stopping = if_not_exists(stopping, :why)"
    return run_states.update_run(workflow, changes, {":why": INPUT.field("why")}, _SETTLE)


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
        "Catch": [{"ErrorEquals": [integrations.ANY_ERROR], "Output": {}, "Next": _READ}],
        "Next": _READ,
    }


def _how(workflow: Workflow) -> States:
    item, state = RESULT.field("Item"), INPUT.field("state")
    ended = when(exists(item.field("ended_at")), item.field("state", "S"), "running")
    where = " has ended: look at its jobs (ductwork status --watch)"
    cause = joined("the ledger does not say how run ", RUN.field("id"), where)
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
            "Output": {"state": ended},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": _HOW,
        },
        _HOW: {
            "Type": "Choice",
            "Choices": [
                {"Condition": state.equals("success"), "Next": run_states.SUCCEEDED},
                {"Condition": state.equals("failed"), "Next": run_states.FAILED},
            ],
            "Default": _UNSETTLED,
        },
        run_states.SUCCEEDED: {"Type": "Succeed"},
        run_states.FAILED: run_states.FAILURE,
        _UNSETTLED: {"Type": "Fail", "Error": error_names.RUN_NOT_SETTLED, "Cause": cause},
    }
