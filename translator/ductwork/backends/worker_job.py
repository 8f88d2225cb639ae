"""The SubmitJob request of a worker task, the same for every target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ductwork.contracts import container_job
from ductwork.contracts.batch_limits import MIN_TIMEOUT_SECONDS, Problem, problems
from ductwork.contracts.container_job import CONTAINER_VARIABLE
from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.stepfunctions_limits import MAX_TIMEOUT_SECONDS
from ductwork.contracts.worker_variables import DAG_CODE_VARIABLE, JOIN_VARIABLE
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Deployment, Retry, RunValue, Task, Workflow

# Batch tells a container no Region. boto3 reads the first; where the author's variables say a Region for the task's
# own code, the worker has that of its run all the same.
_REGION, _REGION_OF_THE_RUN = "AWS_DEFAULT_REGION", "DUCTWORK_REGION"
_REGIONS = {_REGION, "AWS_REGION"}
# Airflow ends a task at its execution_timeout; Batch's hard limit follows only if that failed.
_TIMEOUT_GRACE_SECONDS = 60
_LONGEST_DELAY_SECONDS = 24 * 60 * 60  # Airflow's MAX_RETRY_DELAY
# At their longest: a run id, a Region and a task token, which the container gets too.
_RUN_TIME_CHARACTERS = 250 + 20 + 2_048
# By members of the request.
_VARIABLES = "give the task fewer or shorter environment variables; large values belong in S3 or a Variable"
_HINTS = {"containerOverrides": _VARIABLES}


def check(workflow: Workflow, diagnostics: Diagnostics) -> None:
    """Report what AWS Batch would refuse in the requests of worker tasks."""
    alike: dict[tuple[int, int | None], list[Task]] = {}
    for task in workflow.tasks:
        if task.work.has_worker:
            alike.setdefault((id(task.deployment), timeout(task)), []).append(task)
    # Their requests differ in the task's id alone, so nothing is wrong if nothing is with the longest.
    longest = [max(tasks, key=lambda task: len(task.task_id.encode())) for tasks in alike.values()]
    if not any(_problems(workflow, task) for task in longest):
        return
    for task in workflow.tasks:
        if not task.work.has_worker:
            continue
        for problem in _problems(workflow, task):
            hint = _HINTS.get(problem.field, "change it to what AWS Batch accepts")
            about = {"dag_id": workflow.dag_id, "task_id": task.task_id, "field": problem.field}
            diagnostics.add("DW203", task.origin, problem.what, hint, **about)


def _problems(workflow: Workflow, task: Task) -> list[Problem]:
    return list(problems(request(workflow, task), reserve=_RUN_TIME_CHARACTERS))


# Any: a request is completed by who sends it, and its leaves may be expressions.
def request(
    workflow: Workflow, task: Task, map_index: Any = str(UNMAPPED), *, waits_for_retries: bool = False
) -> dict[str, Any]:
    """All of SubmitJob but the job's name, in boto3's spelling; leaves may be :class:`ductwork.ir.Expr`.

    :param map_index: what the worker is told: an index, or the target's expression of one, -1, or ``array``
    :param waits_for_retries: the container of a further try is there while the delay before it passes
    """
    made = _request(workflow, task.deployment, task.task_id, map_index)
    if container := container_job.of_task(task):
        made["containerOverrides"]["environment"].append({"name": CONTAINER_VARIABLE, "value": container.text()})
    if (limit := timeout(task, waits_for_retries=waits_for_retries)) is not None:
        made["timeout"] = {"attemptDurationSeconds": limit}
    return made


# Any: as above.
def run_request(workflow: Workflow) -> dict[str, Any]:
    """The same for a job of the run itself, which calls back at its end."""
    return _request(workflow, workflow.deployment, "", str(UNMAPPED))


# Any: as above.
def join_request(workflow: Workflow) -> dict[str, Any]:
    """The same for a job that does nothing: it is what its job definition says, no larger."""
    small = replace(workflow.deployment, vcpus=None, memory=None, gpus=None)
    return _placed(small, _listed({JOIN_VARIABLE: "1", _REGION: RunValue("region")}))


def _request(workflow: Workflow, deployment: Deployment, task_id: str, map_index: Any) -> dict[str, Any]:
    return _placed(deployment, _environment(workflow, deployment, task_id, map_index))


def _placed(deployment: Deployment, environment: list[dict[str, Any]]) -> dict[str, Any]:
    overrides: dict[str, Any] = {"environment": environment}
    return {**placement(deployment), "containerOverrides": overrides | _resources(deployment)}


def _resources(deployment: Deployment) -> dict[str, object]:
    needs = (("VCPU", deployment.vcpus), ("MEMORY", deployment.memory), ("GPU", deployment.gpus))
    requirements = [{"type": kind, "value": str(value)} for kind, value in needs if value is not None]
    return {"resourceRequirements": requirements} if requirements else {}


def placement(deployment: Deployment) -> dict[str, object]:
    """Of a request what says where the job runs, and by what it is shared out and found again."""
    made: dict[str, object] = {"jobQueue": deployment.job_queue, "jobDefinition": deployment.job_definition}
    optional = {
        "shareIdentifier": deployment.share_identifier,
        "schedulingPriorityOverride": deployment.scheduling_priority,
        "propagateTags": deployment.propagate_tags,
        "tags": dict(deployment.tags) or None,
    }
    return made | {member: value for member, value in optional.items() if value is not None}


def _environment(workflow: Workflow, deployment: Deployment, task_id: str, map_index: Any) -> list[dict[str, Any]]:
    own = dict(sorted(deployment.environment.items()))
    values: dict[str, Any] = {
        **own,
        "DUCTWORK_DAG_ID": workflow.dag_id,
        "DUCTWORK_RUN_ID": RunValue("run_id"),
        "DUCTWORK_TASK_ID": task_id,
        "DUCTWORK_MAP_INDEX": map_index,
        "DUCTWORK_LEDGER_TABLE": workflow.ledger_table,
        **({"DUCTWORK_EVENT_BUS": deployment.event_bus} if deployment.event_bus else {}),
        **({DAG_CODE_VARIABLE: deployment.dag_code} if deployment.dag_code else {}),
        (_REGION_OF_THE_RUN if _REGIONS & own.keys() else _REGION): RunValue("region"),
    }
    return _listed(values)


def _listed(variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def timeout(task: Task, *, waits_for_retries: bool = False) -> int | None:
    """Seconds for one attempt, None for no limit.

    ``execution_timeout`` bounds an attempt only if the task stays in its process: a deferred task may wait for longer.
    """
    if task.deployment.timeout is not None:
        return task.deployment.timeout
    if task.execution_timeout is None or task.may_defer:
        return None
    if waits_for_retries and task.retry.policy and task.retry.retries:
        # Nobody knows how long the container waits.
        return None
    waits = _longest_delay(task.retry) if waits_for_retries else 0
    limit = max(MIN_TIMEOUT_SECONDS, math.ceil(task.execution_timeout) + _TIMEOUT_GRACE_SECONDS + waits)
    # A bound of years is no bound.
    return limit if limit <= MAX_TIMEOUT_SECONDS else None


def _longest_delay(retry: Retry) -> int:
    """Seconds before a further try, at the most; Airflow adds as much again to a delay that grows."""
    if not retry.retries:
        return 0
    if not retry.backoff:
        return math.ceil(retry.delay)
    # The exponent is bounded too: no power of a large number is needed to know that it is over a day.
    grown = 2 * retry.delay * retry.backoff ** min(retry.retries - 1, 9)
    return math.ceil(min(grown, _LONGEST_DELAY_SECONDS, retry.max_delay or math.inf))
