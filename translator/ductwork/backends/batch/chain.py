"""The Batch back end: a workflow as a chain of SubmitJob requests.

``{"version": 1, "dag_id", "jobs": [{"name", "depends_on", "submit"}], "manifest"}``, jobs in topological order. Arrays
of one ``group``, which is then a member of the job, depend on each other child by child (N_TO_N). A chain
of plain containers needs no runtime of ours. Worker jobs need the run's item in the ledger, which the submitter writes
from ``manifest`` (:mod:`.manifest`); texts ``${run:NAME}`` are values of the run, which the submitter puts in.

How tasks with other rules than all_success, branches, setups and teardowns go on in a chain: :mod:`.job_roles`. What
a job depends on: :mod:`.dependencies`; on more than 20 others: :mod:`.joins`. Mapped tasks: :mod:`.map_sizes`. What no
chain can say: :mod:`.refusals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ductwork.backends import worker_job
from ductwork.backends.batch import joins, map_sizes
from ductwork.backends.batch.job_roles import JobRoles, job_roles
from ductwork.backends.batch.manifest import manifest
from ductwork.backends.batch.refusals import refuse, refuse_order
from ductwork.contracts import batch_limits
from ductwork.contracts.exit_codes import FAILED, SUPERSEDED
from ductwork.contracts.job_chain import ChainJob, JobChain
from ductwork.contracts.names import job_name
from ductwork.diagnostics import Diagnostics
from ductwork.ir import AwsCall, AwsSensor, BatchJob, Concat, NoOp, RunValue, Task, Text, Wait, Work, Worker, Workflow

VERSION = 1


def emit(workflow: Workflow, diagnostics: Diagnostics) -> JobChain | None:
    """The job chain, or None where diagnostics say why there is none."""
    roles = job_roles(workflow)
    workflow = roles.workflow
    refuse(workflow, roles.sizes, diagnostics)
    refuse_order(roles, diagnostics)
    worker_job.check(workflow, diagnostics)
    named = {task.task_id: job_name(workflow.dag_id, task.task_id) for task in workflow.tasks}
    by_name = {named[task]: [named[up] for up in above] for task, above in roles.depends_on.items()}
    gathered = joins.Joins(workflow.dag_id, by_name, _one_by_one(roles, named))
    jobs: list[ChainJob] = []
    for task in workflow.tasks:
        if task.work.is_empty:
            continue
        name = named[task.task_id]
        jobs += [_job(join.name, join.above, joins.request(workflow)) for join in gathered.before(name)]
        job = _job(name, gathered.depends_on[name], _submit(roles, task))
        if task.mapped_group and roles.sizes.get(task.task_id, 0) > 1:
            job["group"] = task.mapped_group
        jobs.append(job)
    return {"version": VERSION, "dag_id": workflow.dag_id, "jobs": jobs, "manifest": manifest(roles, named)}


def _one_by_one(roles: JobRoles, named: Mapping[str, str]) -> dict[str, list[str]]:
    by_id = roles.workflow.by_id
    return {
        named[task]: [named[up] for up in map_sizes.one_by_one(by_id[task], above, roles.workflow, roles.sizes)]
        for task, above in roles.depends_on.items()
    }


def _job(name: str, depends_on: Sequence[str], request: Mapping[str, Any]) -> ChainJob:
    return {"name": name, "depends_on": list(depends_on), "submit": _rendered({"jobName": name, **request})}


def _submit(roles: JobRoles, task: Task) -> dict[str, Any]:
    """SubmitJob, but for the job's name."""
    make = REQUESTS[type(task.work)]
    assert make is not None
    return make(roles, task, task.work)


def _native_job(roles: JobRoles, task: Task, work: BatchJob) -> dict[str, Any]:
    request = {key: value for key, value in work.request.items() if key != "jobName"}
    if task.retry.retries and "retryStrategy" not in request:
        request["retryStrategy"] = {"attempts": task.retry.retries + 1}
    return request


def _worker(roles: JobRoles, task: Task, work: Worker) -> dict[str, Any]:
    size = roles.sizes.get(task.task_id)
    index = "-1" if size is None else "0" if size == 1 else "array"
    request = worker_job.request(roles.workflow, task, index, waits_for_retries=True)
    if size == 1:
        # Batch tells an array's children how many they are.
        request["containerOverrides"]["environment"].append({"name": "DUCTWORK_MAP_SIZE", "value": "1"})
    elif size is not None:
        request["arrayProperties"] = {"size": size}
    if (strategy := _retry_strategy(task, task.task_id in roles.quiet)) is not None:
        request["retryStrategy"] = strategy
    return request


# The job of each kind of work. One has no job: what is below it depends on what is above it. The others never
# come here: a worker has taken their place.
REQUESTS: Mapping[type[Work], Callable[[JobRoles, Task, Any], dict[str, Any]] | None] = {
    Worker: _worker,
    BatchJob: _native_job,
    NoOp: None,
    Wait: None,
    AwsCall: None,
    AwsSensor: None,
}


def _retry_strategy(task: Task, is_quiet: bool) -> dict[str, Any] | None:
    """An attempt for each try, and one more where somebody must hear of a last try whose container has died: of a quiet
    task Batch, to start what is below; or the task's callbacks."""
    attempts = min(task.retry.retries + (2 if is_quiet or task.calls_back else 1), batch_limits.MAX_ATTEMPTS)
    if attempts == 1:
        return None
    # The worker's exit code says that Airflow has given up; anything else is tried again.
    given_up = [FAILED, SUPERSEDED] if is_quiet else [FAILED]
    return {
        "attempts": attempts,
        "evaluateOnExit": [{"onExitCode": str(code), "action": "EXIT"} for code in given_up],
    }


def _rendered(value: Any) -> Any:
    """IR expressions as texts with ``${run:NAME}`` in them."""
    if isinstance(value, RunValue):
        return f"${{run:{value.name}}}"
    if isinstance(value, Text):
        return value.value
    if isinstance(value, Concat):
        return "".join(map(_rendered, value.parts))
    if isinstance(value, Mapping):
        return {key: _rendered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rendered(inner) for inner in value]
    return value
