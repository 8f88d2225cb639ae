"""The states that submit the jobs, and the one that waits for those on which no other depends.

A job's id goes into a variable, which the jobs below it name in ``DependsOn``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ductwork.backends.chain_machine.model import Job
from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.ir import Workflow
from ductwork.ledger_schema import map_sk
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

WAIT = "Wait for the last jobs"
# What a sink that failed hands on; one that could not be submitted hands on why.
FAILED_JOB = "failed"
_NO_ERROR = ""

_SDK_SUBMIT_JOB = "arn:aws:states:::aws-sdk:batch:submitJob"
_SDK_ERRORS = ["Batch.ServerException", "Batch.BatchException", "Batch.TooManyRequestsException"]
# Members that nobody has seen the optimized integration take.
_UNVERIFIED = {"retryStrategy": {"evaluateOnExit"}, "containerOverrides": {"instanceType", "vcpus", "memory"}}
_CAUSE_CHARACTERS = 1_000


def expand(workflow: Workflow, sizes: Mapping[str, int], after: str) -> dict[str, State]:
    """Tell the ledger how many instances mapped tasks have: who looks on knows of those that have not begun."""
    named = {shorten(f"Expand {task_id}", STATE_NAME_LIMIT): task_id for task_id in sizes}
    follows = [*list(named)[1:], after]
    return {
        name: {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "Key": integrations.item_key(map_sk(task_id)),
                "UpdateExpression": "SET #size = :size, expires_at = :expires",
                "ExpressionAttributeNames": {"#size": "size"},
                "ExpressionAttributeValues": {
                    ":size": {"N": str(sizes[task_id])},
                    ":expires": {"N": jsonata.expression("$run.expires")},
                },
            },
            "Output": {},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": then,
        }
        for (name, task_id), then in zip(named.items(), follows, strict=bool(named))
    }


def submit(jobs: Sequence[Job], after: str, refused: str | None) -> dict[str, State]:
    """A state for each job, which goes on as soon as it is submitted.

    :param refused: the state that follows where AWS does not take a job; None: the execution fails with the error
    """
    follows = [*(job.state for job in jobs[1:]), after]
    return {job.state: _submit(job, refused) | {"Next": then} for job, then in zip(jobs, follows, strict=bool(jobs))}


def _submit(job: Job, refused: str | None) -> State:
    sdk = any(_UNVERIFIED[member] & set(job.request.get(member, ())) for member in _UNVERIFIED)
    state: State = {
        "Type": "Task",
        "Resource": _SDK_SUBMIT_JOB if sdk else integrations.SUBMIT_JOB,
        "Arguments": _arguments(job),
        "Assign": {job.variable: "{% $states.result.JobId %}"},
        "Output": {},
        "Retry": [integrations.SUBMIT_RETRY | ({"ErrorEquals": _SDK_ERRORS} if sdk else {})],
    }
    if refused is not None:
        why = {"why": jsonata.expression(_why(job))}
        state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Output": why, "Next": refused}]
    return state


def wait(sinks: Sequence[Job], after: str) -> dict[str, State]:
    """Submit the sinks and wait for their ends. The state data is then ``errors``, the sinks' that have one."""
    if len(sinks) == 1:
        (job,) = sinks
        state = _sync(job, [_caught(job, after, lambda error: {"errors": jsonata.expression(f"[{error}]")})])
        return {job.state: state | {"Output": {"errors": []}, "Next": after}}
    return {
        WAIT: {
            "Type": "Parallel",
            "Arguments": {},
            "Branches": [_branch(job) for job in sinks],
            "Output": {"errors": jsonata.expression(f"[$states.result[$ != '{_NO_ERROR}']]")},
            "Next": after,
        }
    }


def _branch(job: Job) -> State:
    # A catcher cannot end a branch; without one, a failed job would end its siblings.
    failed = shorten(f"Failed {job.state}", STATE_NAME_LIMIT)
    caught = _caught(job, failed, jsonata.expression)
    return {
        "StartAt": job.state,
        "States": {
            job.state: _sync(job, [caught]) | {"Output": _NO_ERROR, "End": True},
            failed: {"Type": "Pass", "End": True},
        },
    }


def _sync(job: Job, catch: Sequence[State]) -> State:
    return {
        "Type": "Task",
        "Resource": integrations.SUBMIT_JOB_AND_WAIT,
        "Arguments": _arguments(job),
        "Retry": [integrations.SUBMIT_RETRY],
        "Catch": list(catch),
    }


def _caught(job: Job, after: str, output: Any) -> State:
    error = f"$states.errorOutput.Error = 'States.TaskFailed' ? '{FAILED_JOB}' : {_why(job)}"
    return {"ErrorEquals": ["States.ALL"], "Output": output(error), "Next": after}


def _why(job: Job) -> str:
    """Expression: what AWS says against a job."""
    said = f"$substring($string($states.errorOutput.Cause), 0, {_CAUSE_CHARACTERS})"
    return f"{jsonata.text(f'SubmitJob of {job.state} was refused: ')} & $states.errorOutput.Error & ': ' & {said}"


def _arguments(job: Job) -> Mapping[str, Any]:
    request = dict(job.request)
    if job.above:
        request["dependsOn"] = [
            {"jobId": jsonata.expression(f"${variable}")} | ({"type": "N_TO_N"} if one_by_one else {})
            for variable, one_by_one in job.above
        ]
    found: Mapping[str, Any] = integrations.arguments(request)
    return found
