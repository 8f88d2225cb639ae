"""What a mirror task shows of its original beside the state: log lines, XComs and links."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from logging import Logger
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.exceptions import AirflowRuntimeError
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.delegate.remote_run import RemoteRun
from ductwork_airflow.ledger import decoded
from ductwork_airflow.links import (
    BATCH_LOG_GROUP,
    BatchJobLink,
    ExecutionLink,
    LogsLink,
    execution_url,
    job_url,
    logs_url,
)

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstance
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef

STAND_IN = "this XCom is on AWS, in Ductwork's ledger; Airflow did not take it"


class LengthRefusedError(AirflowFailException):  # type: ignore[misc]
    """Tasks cannot be expanded over what the original has returned; trying again would not help."""


@dataclass(frozen=True)
class LogPlace:
    """A log stream of CloudWatch and the group it is in."""

    group: str
    stream: str


def log_place(remote: RemoteRun, item: TaskItem) -> LogPlace | None:
    """Where the container of a task's last try has logged; None if there was none, or Batch has forgotten it.

    The ledger has the stream only of jobs that the watch saw running, and never the group, which a job definition may
    choose. So Batch is asked: one call, once per task.
    """
    if not item.get("job_id"):
        return None
    jobs = remote.clients.client("batch").describe_jobs(jobs=[item["job_id"]])["jobs"]
    container = jobs[0].get("container", {}) if jobs else {}
    stream = container.get("logStreamName") or item.get("log_stream")
    options = (container.get("logConfiguration") or {}).get("options") or {}
    return LogPlace(options.get("awslogs-group", BATCH_LOG_GROUP), stream) if stream else None


def show_log(ti: TaskInstance, log: Logger, remote: RemoteRun, item: TaskItem, limit: int) -> None:
    """Print the last lines of the container's log and link to it. A log that cannot be read is no failure."""
    try:
        place = log_place(remote, item)
        if place is None:
            return
        push_log_link(ti, remote, place)
        log.info("::group::Log of job %s on AWS", item["job_id"])
        for line in _tail(remote.clients.client("logs"), place, limit):
            log.info("%s", line)
        log.info("::endgroup::")
    except (BotoCoreError, ClientError) as error:
        log.warning("the log of job %s cannot be read: %s", item.get("job_id"), error)


def _tail(client: CloudWatchLogsClient, place: LogPlace, limit: int) -> Iterator[str]:
    """The last lines, oldest first. CloudWatch answers in pages from the end backwards, empty ones included."""
    pages: list[list[str]] = []
    request: GetLogEventsRequestTypeDef = {
        "logGroupName": place.group,
        "logStreamName": place.stream,
        "startFromHead": False,
    }
    while sum(map(len, pages)) < limit:
        reply = client.get_log_events(**request)
        pages.append([event["message"] for event in reply["events"]])
        if reply["nextBackwardToken"] == request.get("nextToken"):
            break
        request["nextToken"] = reply["nextBackwardToken"]
    lines = [line for page in reversed(pages) for line in page]
    yield from lines[-limit:]


def push_xcoms(ti: TaskInstance, log: Logger, remote: RemoteRun) -> None:
    """Give the mirror task its original's XComs, ``return_value`` among them.

    The ledger holds them as Airflow's API got them, serialised by the XCom backend of the worker, and they are passed
    on like that: decoding and encoding them here would need the author's classes. Where tasks are mapped over a
    value, its length goes with it. A value that Airflow refuses is replaced by a stand-in of the same length.

    :raises LengthRefusedError: Airflow does not take the length
    :raises AirflowRuntimeError: Airflow's server has another problem, which may pass
    """
    for item in map(decoded, remote.ledger.xcoms_of_instance(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)):
        length = item.get("mapped_length")
        try:
            _push(ti, item["key"], item["value"], length)
        except AirflowRuntimeError as error:
            if not _refused(ti, error):
                raise
            log.warning("Airflow does not take XCom %r, in its place is a stand-in: %s", item["key"], error)
            _push_stand_in(ti, item["key"], length)


def _refused(ti: TaskInstance, error: AirflowRuntimeError) -> bool:
    """Whether Airflow's server cannot take the value. Some values break it, which the last try shows."""
    status = (error.error.detail or {}).get("status_code") or HTTPStatus.SERVICE_UNAVAILABLE
    return bool(status < HTTPStatus.INTERNAL_SERVER_ERROR or ti.try_number > ti.max_tries)


def _push_stand_in(ti: TaskInstance, key: str, length: int | None) -> None:
    """Push a value of the same length: tasks that are mapped over an XCom count it, whatever is in it."""
    try:
        _push(ti, key, [None] * length if length is not None else STAND_IN, length)
    except AirflowRuntimeError as error:
        if length is None or not _refused(ti, error):
            raise
        raise LengthRefusedError(
            f"Airflow refuses to expand tasks over the {length} items that the task has returned on AWS: {error}. "
            "Raise [core] max_map_length in Airflow to what the workers on AWS have"
        ) from error


def _push(ti: TaskInstance, key: str, value: object, length: int | None) -> None:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import SetXCom

    place = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
    task_runner.SUPERVISOR_COMMS.send(SetXCom(key=key, value=value, mapped_length=length, **place))


def push_links(ti: TaskInstance, remote: RemoteRun, run: RunItem | None, item: TaskItem | None) -> None:
    """Make the links that are known so far work while the task still runs. Some partitions have no console."""
    with contextlib.suppress(KeyError):
        if arn := (run or {}).get("execution_arn"):
            ExecutionLink.push(ti, execution_url(arn))
        place = remote.clients.place("batch")
        if job := (item or {}).get("job_id"):
            BatchJobLink.push(ti, job_url(*place, job))
        if stream := (item or {}).get("log_stream"):
            LogsLink.push(ti, logs_url(*place, stream=stream))


def push_log_link(ti: TaskInstance, remote: RemoteRun, place: LogPlace) -> None:
    """Push the link to the stream for :class:`LogsLink`; none if the Region is not known."""
    with contextlib.suppress(KeyError):
        LogsLink.push(ti, logs_url(*remote.clients.place("logs"), group=place.group, stream=place.stream))
