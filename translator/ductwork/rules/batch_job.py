"""BatchOperator: the user's own Batch job, submitted by the target itself with all its arguments."""

from __future__ import annotations

import math

from ductwork.contracts import batch_limits
from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import BatchJob, Work
from ductwork.ir.snapshot import Opaque, TaskSnapshot
from ductwork.rules.base import Decline, Rule, needs_airflow, time_limit, waits_for_end
from ductwork.templates import CannotLowerError, lower_value

# Operator argument -> SubmitJob member, in boto3's spelling.
_MEMBERS = {
    "job_name": "jobName",
    "job_queue": "jobQueue",
    "job_definition": "jobDefinition",
    "array_properties": "arrayProperties",
    "parameters": "parameters",
    "tags": "tags",
    "container_overrides": "containerOverrides",
    "retry_strategy": "retryStrategy",
    "share_identifier": "shareIdentifier",
    "scheduling_priority_override": "schedulingPriorityOverride",
}

# How Airflow watches the job (max_retries, status_retries, deferrable, awslogs_enabled, awslogs_fetch_interval) plays
# no part: the target watches it in its own way. Only a schedule document says how often to look (poll_interval).

# Set, these change who submits the job or what else runs; Airflow's own operator then does it all in a worker.
# Overrides for ECS, EKS and multi-node jobs are among them: whether Step Functions' integration takes them, and a
# job definition of that kind at all, is not known.
_NEED_AIRFLOW = (
    "job_id",
    "waiters",
    "aws_conn_id",
    "region_name",
    "verify",
    "botocore_config",
    "ecs_properties_override",
    "eks_properties_override",
    "node_overrides",
)
_DEFAULTS = {"aws_conn_id": "aws_default"}


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    arguments = task.arguments
    for name in _NEED_AIRFLOW:
        if arguments.get(name) not in (None, _DEFAULTS.get(name)):
            return Decline(f"{name} is set, so Airflow's own operator submits the job from a worker")
    if setting := needs_airflow(task):
        return Decline(f"{setting} is set, and it runs Airflow code, so a worker submits the job")
    if why := _unlimited(task):
        return Decline(f"{why}, so a worker watches the job, and cancels it at its execution_timeout")
    try:
        # An empty value says nothing; AWS is not asked for rights it does not need, to tag for example.
        given = {name: member for name, member in _MEMBERS.items() if arguments.get(name) not in (None, {}, [])}
        request = {member: _value(task, name) for name, member in given.items()}
    except CannotLowerError as error:
        return Decline(f"{error}, so a worker renders the templates and submits the job")
    # As Airflow's operator has it: 0 is none.
    if timeout := arguments.get("submit_job_timeout") or None:
        request["timeout"] = {"attemptDurationSeconds": timeout}
    problems = list(batch_limits.problems(request))
    for problem in problems:
        hint = "use what AWS Batch's SubmitJob accepts"
        diagnostics.add("DW401", task.origin, problem.what, hint, task_id=task.task_id, field=problem.field)
    limit = None if problems else time_limit(task, timeout, waits=waits_for_end(task))
    if limit is not None:
        request["timeout"] = {"attemptDurationSeconds": limit}
    return BatchJob(
        why="AWS Batch runs the job itself; no container of Ductwork's is needed",
        request=request,
        wait=waits_for_end(task),
        push_job_id=bool(task.settings.get("do_xcom_push", True)),
        timeout=limit,
        poll_interval=_poll_interval(arguments.get("poll_interval")),
    )


def _unlimited(task: TaskSnapshot) -> str:
    """Why a job cannot end by itself when Airflow would no longer wait for it; empty if it can."""
    if not (task.execution_timeout and waits_for_end(task)):
        return ""
    least = batch_limits.MIN_TIMEOUT_SECONDS
    if task.execution_timeout < least:
        return f"AWS Batch gives a job {least} s at least"
    if task.arguments.get("array_properties"):
        return "AWS Batch limits the time of each child of an array, and not of the whole"
    if task.arguments.get("retry_strategy") not in (None, {}, {"attempts": 1}):
        return "AWS Batch limits the time of each attempt of retry_strategy, and not of all together"
    return ""


def _poll_interval(value: object) -> int:
    """Whole seconds, as schedule documents have them; if it is not a number, Airflow's own default."""
    return max(1, math.ceil(value)) if isinstance(value, (int, float)) and math.isfinite(value) else 30


def _value(task: TaskSnapshot, name: str) -> object:
    value = task.arguments[name]
    if isinstance(value, Opaque):
        raise CannotLowerError(f"{name} is an object that only exists while Airflow runs ({value.type_name})")
    return lower_value(value, task.templating) if name in task.template_fields else value


RULE = Rule(
    name="batch_job",
    operators=("airflow.providers.amazon.aws.operators.batch.BatchOperator",),
    lower=_lower,
    source=f"{AMAZON_PROVIDER}/operators/batch.html",
)
