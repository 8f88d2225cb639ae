"""Links from a task in the Airflow UI to the AWS console, there as soon as the remote run is.

Airflow computes a task's links when it ends. A run may take days, so the operator pushes each address as an XCom under
the link's ``xcom_key`` the moment it knows it, and ``get_link``, called at the end, answers with that XCom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom
from ductwork.contracts.default_names import JOB_LOG_GROUP

from ductwork_airflow.hooks import DuctworkHook
from ductwork_airflow.run_model.handle import RunHandle

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstance, TaskInstanceKey


_CONSOLE_DOMAINS = {
    "aws": "aws.amazon.com",
    "aws-cn": "amazonaws.cn",
    "aws-us-gov": "amazonaws-us-gov.com",
}


def console(partition: str, region: str, service: str) -> str:
    """The start of every console address: ``https://console.<domain>/<service>/home?region=<region>``.

    :param partition: ``aws``, ``aws-cn`` or ``aws-us-gov``
    :raises KeyError: another partition, which has no public console
    """
    return f"https://console.{_CONSOLE_DOMAINS[partition]}/{service}/home?region={region}"


def execution_url(execution_arn: str) -> str:
    """An execution's page; the ARN says partition and Region."""
    _, partition, _, region, *_ = execution_arn.split(":")
    return f"{console(partition, region, 'states')}#/v2/executions/details/{quote(execution_arn, safe='')}"


def job_url(partition: str, region: str, job_id: str) -> str:
    """A Batch job's page.

    :raises KeyError: a partition without a public console
    """
    # The console takes the "#" and ":" of a child of an array job in its encoded form only.
    return f"{console(partition, region, 'batch')}#jobs/detail/{quote(job_id, safe='')}"


def queue_url(queue_arn: str) -> str:
    """A job queue's page; the ARN says partition and Region.

    :raises KeyError: a partition without a public console
    """
    _, partition, _, region, *_ = queue_arn.split(":")
    return f"{console(partition, region, 'batch')}#queues/detail/{quote(queue_arn, safe='')}"


def logs_url(partition: str, region: str, group: str = JOB_LOG_GROUP, stream: str | None = None) -> str:
    """A log group's page, or one stream's. The console wants names encoded twice, with ``$`` in the place of ``%``."""
    url = f"{console(partition, region, 'cloudwatch')}#logsV2:log-groups/log-group/{_twice(group)}"
    return f"{url}/log-events/{_twice(stream)}" if stream else url


def _twice(name: str) -> str:
    return quote(quote(name, safe=""), safe="").replace("%", "$")


class Pushing(Protocol):
    """What takes XComs: a task instance."""

    def xcom_push(self, key: str, value: object) -> object:
        """Push an XCom of that task instance."""


class PushedLink(BaseOperatorLink):  # type: ignore[misc]
    """A link whose address the task has pushed under ``xcom_key``.

    ``target`` names the only target whose tasks have this link, if there is one: asking for an XCom that no task has
    pushed puts an error into the task's log.
    """

    name: ClassVar[str]
    xcom_key: ClassVar[str]
    target: ClassVar[str | None] = None

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address, "" where the task has none."""
        if self.target not in {None, getattr(operator, "target", None)}:
            return ""
        return XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""

    @classmethod
    def push(cls, ti: Pushing, url: str) -> None:
        """Push the address, which the link then shows while the task is still running."""
        ti.xcom_push(key=cls.xcom_key, value=url)


class ExecutionLink(PushedLink):
    """To the execution in Step Functions' console."""

    name = "Step Functions execution"
    xcom_key = "ductwork_execution_link"
    target = "stepfunctions"


class BatchQueueLink(PushedLink):
    """To the job queue of a job chain in Batch's console."""

    name = "Batch job queue"
    xcom_key = "ductwork_queue_link"
    target = "batch"


class BatchJobLink(PushedLink):
    """To a task's job in Batch's console."""

    name = "Batch job"
    xcom_key = "ductwork_job_link"


class LogsLink(PushedLink):
    """To a task's log stream in CloudWatch's console."""

    name = "CloudWatch logs"
    xcom_key = "ductwork_logs_link"


def links(kinds: Iterable[type[PushedLink]]) -> tuple[PushedLink, ...]:
    """Link objects for ``operator_extra_links``."""
    return tuple(kind() for kind in kinds)


def push_run_links(ti: TaskInstance, hook: DuctworkHook, handle: RunHandle, job_ids: Mapping[str, str]) -> None:
    """Push what is known of a run that has just been submitted or found.

    :param job_ids: of a job chain, by job name
    :raises ClientError: Batch cannot be asked for the queue
    :raises KeyError: a partition without a public console
    """
    if handle.execution_arn:
        ExecutionLink.push(ti, execution_url(handle.execution_arn))
    if job_ids:
        jobs = hook.client("batch").describe_jobs(jobs=[next(iter(job_ids.values()))])["jobs"]
        if jobs and str(jobs[0].get("jobQueue", "")).startswith("arn:"):
            BatchQueueLink.push(ti, queue_url(jobs[0]["jobQueue"]))
    LogsLink.push(ti, logs_url(*hook.place("batch")))
