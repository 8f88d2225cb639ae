"""What a mirror task shows of its original beside the state: log lines, XComs and links."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from logging import Logger
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.exceptions import AirflowRuntimeError
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.names import run_hash
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.delegate import remote_log
from ductwork_airflow.delegate.remote_run import RemoteRun
from ductwork_airflow.ledger import decoded, now
from ductwork_airflow.links import (
    BatchJobLink,
    ExecutionLink,
    LogsLink,
    execution_url,
    job_url,
    logs_url,
)
from ductwork_airflow.mirror.log_places import places

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstance

    from ductwork_airflow.mirror.log_places import LogPlace

Read: TypeAlias = Mapping[str, str]
"""How far the trigger has read which log streams, as CloudWatch's tokens."""

STAND_IN = "this XCom is on AWS, in Ductwork's ledger; Airflow did not take it"


class Instance(NamedTuple):
    """A task instance, of which a trigger knows no more than its names."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    def xcom_push(self, key: str, value: object) -> None:
        """Push an XCom, as the task itself does."""
        _push(self, key, value, None)


class LengthRefusedError(AirflowFailException):  # type: ignore[misc]
    """Tasks cannot be expanded over what the original has returned; trying again would not help."""


def show_log(ti: TaskInstance, log: Logger, remote: RemoteRun, item: TaskItem, limit: int, read: Read) -> None:
    """Print how the task ended and why, then the last lines of each try's log, and link to the last.

    A log that cannot be read is no failure.

    :param read: how far the trigger has shown which streams; what came after is shown here
    """
    shown = remote_log.logger()
    start = item.get("started_at") or item.get("ended_at") or now()
    remote_log.Line(start, logging.INFO, remote_log.summary(item)).show(shown)
    if error := item.get("error"):
        remote_log.Line(start, logging.ERROR, error).show(shown)
    if read and item["state"] == "success":
        return
    try:
        found = places(remote.clients.client("batch"), item, run_hash(remote.dag_id, remote.run_id))
        if not found:
            return
        push_log_link(ti, remote, found[-1])
        client = remote.clients.client("logs")
        for place in remote_log.rest(read, found):
            for line in remote_log.last(client, place, limit):
                line.show(shown)
        if found[-1].stream in read:
            follower = remote_log.Follower(remote, dict(read))
            for line in follower.news(item, limit):
                line.show(shown)
    except (BotoCoreError, ClientError) as error:
        log.warning("the log of job %s cannot be read: %s", item.get("job_id"), error)


def show_rendered_fields(item: TaskItem) -> None:
    """Give the mirror task the template fields of its original, as its worker has rendered them."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import SetRenderedFields

    if rendered := item.get("rendered_fields"):
        task_runner.SUPERVISOR_COMMS.send(SetRenderedFields(rendered_fields=json.loads(rendered)))


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


def _push(ti: TaskInstance | Instance, key: str, value: object, length: int | None) -> None:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import SetXCom

    place = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
    task_runner.SUPERVISOR_COMMS.send(SetXCom(key=key, value=value, mapped_length=length, **place))


def push_links(ti: TaskInstance | Instance, remote: RemoteRun, run: RunItem | None, item: TaskItem | None) -> None:
    """Make the links that are known so far work while the task still runs. Some partitions have no console."""
    with contextlib.suppress(KeyError):
        if arn := (run or {}).get("execution_arn"):
            ExecutionLink.push(ti, execution_url(arn))
        place = remote.clients.place("dynamodb")  # its client is there already
        if job := (item or {}).get("job_id"):
            BatchJobLink.push(ti, job_url(*place, job))
        if stream := (item or {}).get("log_stream"):
            LogsLink.push(ti, logs_url(*place, stream=stream))


def push_log_link(ti: TaskInstance, remote: RemoteRun, place: LogPlace) -> None:
    """Push the link to the stream for :class:`LogsLink`; none if the Region is not known."""
    with contextlib.suppress(KeyError):
        LogsLink.push(ti, logs_url(*remote.clients.place("dynamodb"), group=place.group, stream=place.stream))
