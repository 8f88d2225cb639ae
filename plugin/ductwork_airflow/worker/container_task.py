"""A container operator's task in a worker: Airflow renders its templates, and AWS Batch runs its container.

``DUCTWORK_CONTAINER`` says that the worker is one of these, and where the job goes
(:mod:`ductwork.contracts.container_job`). What the operator does itself is replaced in the process of this task alone:
``execute`` submits the container's job and waits for it, ``on_kill`` ends it. Everything around that, from callbacks to
retries, is Airflow's task runner's.

The id of the job is kept in the task's state store until its end has been seen. So a try that follows a worker that
died goes on with the job that is there, as KubernetesPodOperator reattaches to its pod.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts.container_job import CONTAINER_VARIABLE, ContainerJob
from ductwork.contracts.names import run_hash

from ductwork_airflow import compat
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import SubmissionError, message
from ductwork_airflow.submit import job_definitions
from ductwork_airflow.worker import pod_xcom
from ductwork_airflow.worker.container import result
from ductwork_airflow.worker.container_log import ContainerLog
from ductwork_airflow.worker.container_plan import ContainerPlan, is_of, plan, reads_file
from ductwork_airflow.worker.environment import WorkerEnvironment

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator, Context
    from mypy_boto3_batch.type_defs import JobDetailTypeDef, SubmitJobRequestTypeDef

_PROVIDERS = "airflow.providers."
_STORE, _STORED = "task_state_store", "ductwork_job"
_ENDED = frozenset({"SUCCEEDED", "FAILED"})
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS, _SLOWER = 0.5, 15.0, 1.5
# How an operator says that its container has failed, and that its exit code means a skip.
_FAILED = {
    "DockerOperator": "Docker container failed: {{'StatusCode': {code}}}",
    "KubernetesPodOperator": "Pod {task_id} returned a failure.",
}
_SKIPPED = {
    "DockerOperator": "Docker container returned exit code {codes}. Skipping.",
    "KubernetesPodOperator": "Pod {task_id} returned exit code {code}. Skipping.",
}


def take_over(dag: DAG, environ: Mapping[str, str]) -> None:
    """Have a container operator's task submit its container as a job.

    :param dag: as the task's process has loaded it
    :param environ: of the worker
    """
    environment = WorkerEnvironment.parse(environ)
    task = dag.task_dict.get(environment.task_id)
    if task is None:
        return
    made = ContainerTask(ContainerJob.read(environ[CONTAINER_VARIABLE]), environment)
    cls = _provider_class(getattr(task, "operator_class", type(task)))
    # The class, for Airflow makes the operator of a mapped task later.
    setattr(cls, "execute", lambda operator, context: made.execute(operator, context))  # noqa: B010
    setattr(cls, "on_kill", lambda operator: made.end(operator))  # noqa: B010


def _provider_class(cls: type) -> type:
    """The class of Airflow's providers by which an operator is executed, unless a class of its author's does so."""
    return next(each for each in cls.__mro__ if each.__module__.startswith(_PROVIDERS) and "execute" in vars(each))


class ContainerTask:
    """One try of such a task.

    :param told: by the compiler
    """

    def __init__(self, told: ContainerJob, environment: WorkerEnvironment) -> None:
        self._told, self._environment = told, environment
        self._aws = Aws(environment.region)
        self._batch = self._aws.client("batch")
        self._job_id: str | None = None

    def execute(self, operator: BaseOperator, context: Context) -> object:
        """Run the container.

        :return: what the operator would return
        :raises AirflowException: the container failed, or could not be started
        """
        planned = plan(operator, self._told, self._run_values(), self._environment.table)
        store = context.get(_STORE)  # since Airflow 3.3
        self._job_id = self._going_on(operator, str(store.get(_STORED) or "")) if store is not None else None
        if self._job_id is None:
            self._job_id = self._submit(planned)
            operator.log.info("Submitted the container as AWS Batch job %s", self._job_id)
            if store is not None:
                store.set(_STORED, self._job_id)
        reads = operator.do_xcom_push and not planned.keeps_xcom
        log = self._log(operator)
        job = self._ended(operator, log, self._job_id)
        if reads:
            _read_rest(log, job)
        if store is not None:
            store.set(_STORED, "")
        self._job_id = None
        value = _xcom(operator, context, planned, list(log.lines))
        if job["status"] == "FAILED":
            if value is not None and reads_file(operator):
                _push(operator, context, value)
            raise _failure(operator, job)
        return value

    def end(self, operator: BaseOperator) -> None:
        """End the job, if there is one: the task has been killed, or is out of time."""
        if self._job_id is None:
            operator.log.info("No AWS Batch job of the container is to be ended")
            return
        operator.log.info("Ending AWS Batch job %s", self._job_id)
        self._batch.terminate_job(jobId=self._job_id, reason="the task was killed")

    def _run_values(self) -> dict[str, str]:
        place = self._environment
        return {
            "run_id": place.run_id,
            "run_hash": run_hash(place.dag_id, place.run_id),
            "region": self._batch.meta.region_name,
            "map_index": str(place.map_index),
        }

    def _going_on(self, operator: BaseOperator, job_id: str) -> str | None:
        """The job of a try whose worker died, if it has not been ended by force."""
        found = self._batch.describe_jobs(jobs=[job_id])["jobs"] if job_id else []
        if not found or found[0].get("isTerminated") or found[0].get("isCancelled"):
            return None
        operator.log.info("Going on with AWS Batch job %s, which a try before has submitted", job_id)
        return job_id

    def _submit(self, planned: ContainerPlan) -> str:
        request: SubmitJobRequestTypeDef = dict(planned.request)  # type: ignore[assignment]  # a compiled request
        try:
            if planned.definition is not None:
                job_definitions.provide(self._batch, [planned.definition])
            return str(self._batch.submit_job(**request)["jobId"])
        except SubmissionError as error:
            raise compat.task_exceptions().AirflowFailException(str(error)) from error
        except ClientError as error:
            raise compat.task_exceptions().AirflowException(
                f"AWS Batch does not take the container's job: {message(error)}"
            ) from error

    def _log(self, operator: BaseOperator) -> ContainerLog:
        keep = None if getattr(operator, "xcom_all", False) or reads_file(operator) else 1
        return ContainerLog(self._aws.client("logs"), lambda line: operator.log.info("%s", line), keep)

    def _ended(self, operator: BaseOperator, log: ContainerLog, job_id: str) -> JobDetailTypeDef:
        """The job, once it has ended."""
        pause = _FIRST_LOOK_SECONDS
        while True:
            found: list[JobDetailTypeDef] = self._batch.describe_jobs(jobs=[job_id])["jobs"]
            if found:
                self._show(operator, log, found[0])
            # A job that has just been submitted may not be seen yet.
            if found and found[0]["status"] in _ENDED:
                return found[0]
            time.sleep(pause)
            pause = min(pause * _SLOWER, _LAST_LOOK_SECONDS)

    def _show(self, operator: BaseOperator, log: ContainerLog, job: JobDetailTypeDef) -> None:
        try:
            log.follow(_stream(job))
        except ClientError as error:
            operator.log.debug("What the container prints cannot be shown here: %s", message(error))


def _read_rest(log: ContainerLog, job: JobDetailTypeDef) -> None:
    try:
        log.settle(_stream(job))
    except ClientError as error:
        what = f"What the container printed, which becomes its XCom, cannot be read: {message(error)}"
        raise compat.task_exceptions().AirflowException(what) from error


def _xcom(operator: BaseOperator, context: Context, planned: ContainerPlan, lines: list[str]) -> object:
    if not operator.do_xcom_push:
        return None
    if planned.keeps_xcom:
        ti = context["ti"]
        return ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index if ti.map_index >= 0 else None)
    if reads_file(operator):
        return pod_xcom.found(lines)
    if is_of(operator, "DockerOperator"):
        return result("all" if getattr(operator, "xcom_all", False) else "last", lines)
    return None


def _push(operator: BaseOperator, context: Context, value: object) -> None:
    """What a pod has written is its XCom even if it fails."""
    push = getattr(operator, "_push_xcom_with_fan_out", None)
    if push is not None:
        push(context["ti"], value)
    else:
        context["ti"].xcom_push("return_value", value)


def _stream(job: JobDetailTypeDef) -> str | None:
    return job.get("container", {}).get("logStreamName")


def _failure(operator: BaseOperator, job: JobDetailTypeDef) -> Exception:
    """What the operator would raise."""
    family = next((name for name in _FAILED if is_of(operator, name)), "")
    container = job.get("container", {})
    code = container.get("exitCode")
    codes: Container[object] = getattr(operator, "skip_on_exit_code", None) or ()
    names = {"task_id": operator.task_id, "code": code, "codes": codes}
    if code is not None and code in codes:
        told = _SKIPPED.get(family, "exit code {code}").format(**names)
        skipped: Exception = compat.task_exceptions().AirflowSkipException(told)
        return skipped
    how = "" if code is None else f", exit code {code}"
    reason = container.get("reason") or job.get("statusReason") or "no reason given"
    told = _FAILED.get(family, "The container failed.").format(**names)
    failed: Exception = compat.task_exceptions().AirflowException(
        f"{told} (AWS Batch job {job['jobId']}: {reason}{how})"
    )
    return failed
