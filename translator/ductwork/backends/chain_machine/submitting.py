"""The states that submit the jobs, and the one that waits for those on which no other depends.

A job's id goes into a variable, which the jobs below it name in ``DependsOn``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ductwork.backends.chain_machine.model import Job
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Node, Value, Variable, array, call, joined, text_of, when
from ductwork.backends.stepfunctions.asl.scope import ERROR, ITEM, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.contracts.ledger import map_sk
from ductwork.contracts.names import state_name
from ductwork.ir import Workflow

WAIT = "Wait for the last jobs"
# What a sink that failed hands on; one that could not be submitted hands on why.
FAILED_JOB = "failed"
_NO_ERROR = ""

_SDK_SUBMIT_JOB = "arn:aws:states:::aws-sdk:batch:submitJob"
# Members that nobody has seen the optimized integration take.
_UNVERIFIED = {"retryStrategy": {"evaluateOnExit"}, "containerOverrides": {"instanceType", "vcpus", "memory"}}
_CAUSE_CHARACTERS = 1_000


def expand(workflow: Workflow, sizes: Mapping[str, int], after: str) -> States:
    """Tell the ledger how many instances mapped tasks have: who looks on knows of those that have not begun."""
    named = {state_name(f"Expand {task_id}"): task_id for task_id in sizes}
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
                    ":expires": {"N": RUN.field("expires")},
                },
            },
            "Output": {},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": then,
        }
        for (name, task_id), then in zip(named.items(), follows, strict=bool(named))
    }


def submit(jobs: Sequence[Job], after: str, refused: str | None) -> States:
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
        "Assign": {job.variable: RESULT.field("JobId")},
        "Output": {},
        "Retry": [integrations.SUBMIT_RETRY | ({"ErrorEquals": integrations.SDK_SUBMIT_FAULTS} if sdk else {})],
    }
    if refused is not None:
        why = {"why": _why(job)}
        state["Catch"] = [{"ErrorEquals": [integrations.ANY_ERROR], "Output": why, "Next": refused}]
    return state


def wait(sinks: Sequence[Job], after: str) -> States:
    """Submit the sinks and wait for their ends. The state data is then ``errors``, the sinks' that have one."""
    if len(sinks) == 1:
        (job,) = sinks
        state = _sync(job, [_caught(job, after, lambda error: {"errors": array(error)})])
        return {job.state: state | {"Output": {"errors": []}, "Next": after}}
    return {
        WAIT: {
            "Type": "Parallel",
            "Arguments": {},
            "Branches": [_branch(job) for job in sinks],
            "Output": {"errors": array(RESULT.where(ITEM.differs(_NO_ERROR)))},
            "Next": after,
        }
    }


def _branch(job: Job) -> State:
    # A catcher cannot end a branch; without one, a failed job would end its siblings.
    failed = state_name(f"Failed {job.state}")
    caught = _caught(job, failed, lambda error: error)
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


def _caught(job: Job, after: str, output: Callable[[Node], Value]) -> State:
    error = when(ERROR.field("Error").equals(integrations.TASK_FAILED), FAILED_JOB, _why(job))
    return {"ErrorEquals": [integrations.ANY_ERROR], "Output": output(error), "Next": after}


def _why(job: Job) -> Node:
    """What AWS says against a job."""
    said = call("substring", text_of(ERROR.field("Cause")), 0, _CAUSE_CHARACTERS)
    return joined(f"SubmitJob of {job.state} was refused: ", ERROR.field("Error"), ": ", said)


def _arguments(job: Job) -> Value:
    request = dict(job.request)
    if job.above:
        request["dependsOn"] = [
            {"jobId": Variable(variable)} | ({"type": "N_TO_N"} if one_by_one else {})
            for variable, one_by_one in job.above
        ]
    return integrations.arguments(request)
