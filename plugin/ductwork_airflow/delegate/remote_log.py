"""The log of a task on AWS, as Airflow's own log shows it: each line with its own level and time, of every try."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.delegate.remote_run import RemoteRun
from ductwork_airflow.ledger import moment, timestamp
from ductwork_airflow.mirror.log_places import LogPlace, of_job

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef, OutputLogEventTypeDef

# As ductwork_airflow.worker.logs writes a line.
_LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\S+Z) (?P<level>[A-Z]+) +(?P<text>.*)", re.DOTALL)
_LEVELS = {logging.getLevelName(level): level for level in range(logging.DEBUG, logging.CRITICAL + 1, 10)}


@dataclass(frozen=True)
class Line:
    """A line of a log.

    :param time: ISO 8601, in UTC
    :param level: of :mod:`logging`
    """

    time: str
    level: int
    text: str

    def show(self, log: structlog.typing.FilteringBoundLogger) -> None:
        """Write it to a task's log in Airflow, with its own time."""
        log.log(self.level, self.text, timestamp=self.time)


def logger() -> structlog.typing.FilteringBoundLogger:
    """What writes to the log of the task whose process, or trigger, this is."""
    found: structlog.typing.FilteringBoundLogger = structlog.get_logger("aws")
    return found


def last(client: CloudWatchLogsClient, place: LogPlace, limit: int) -> list[Line]:
    """The last lines, oldest first. CloudWatch answers in pages from the end backwards, empty ones included."""
    pages: list[list[OutputLogEventTypeDef]] = []
    request: GetLogEventsRequestTypeDef = {
        "logGroupName": place.group,
        "logStreamName": place.stream,
        "startFromHead": False,
    }
    while sum(map(len, pages)) < limit:
        reply = client.get_log_events(**request)
        pages.append(reply["events"])
        if reply["nextBackwardToken"] == request.get("nextToken"):
            break
        request["nextToken"] = reply["nextBackwardToken"]
    return list(lines(event for page in reversed(pages) for event in page))[-limit:]


def lines(events: Iterator[OutputLogEventTypeDef] | Sequence[OutputLogEventTypeDef]) -> Iterator[Line]:
    """What CloudWatch has, with level and time as the worker wrote them; what has none is like what is before it.

    So a traceback stays with its line, whenever CloudWatch got it: Airflow shows all tries' lines by their times.
    """
    level, time = logging.INFO, ""
    for event in events:
        text = event.get("message", "")
        if found := _LINE.fullmatch(text):
            level, time = _LEVELS.get(found["level"], level), found["time"]
            yield Line(time, level, found["text"])
        else:
            yield Line(time or timestamp_of(event), level, text)


def timestamp_of(event: OutputLogEventTypeDef) -> str:
    """An event's time in ISO 8601."""
    return timestamp(datetime.fromtimestamp(event.get("timestamp", 0) / 1000, tz=timezone.utc))


@dataclass
class Follower:
    """Reads on in the log of a task that runs. Its calls block.

    :ivar read: how far each stream has been read, as CloudWatch's token
    """

    remote: RemoteRun
    read: dict[str, str] = field(default_factory=dict)
    _places: dict[str, LogPlace] = field(default_factory=dict)

    def news(self, item: TaskItem, limit: int) -> list[Line]:
        """The lines since the last call, at most so many; none if the log is not there yet, or may not be read."""
        try:
            place = self._place(item)
            return self._read(place, limit) if place else []
        except (BotoCoreError, ClientError):
            return []  # the task's own process says why, if it is still so at the end

    def _place(self, item: TaskItem) -> LogPlace | None:
        job = item.get("job_id")
        if job and job not in self._places:
            for job_detail in self.remote.clients.client("batch").describe_jobs(jobs=[job])["jobs"]:
                if found := list(of_job(job_detail)):
                    self._places[job] = found[-1]
        return self._places.get(job or "")

    def _read(self, place: LogPlace, limit: int) -> list[Line]:
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": place.group,
            "logStreamName": place.stream,
            "startFromHead": True,
            "limit": min(limit, 10_000),
        }
        if token := self.read.get(place.stream):
            request["nextToken"] = token
        reply = self.remote.clients.client("logs").get_log_events(**request)
        self.read[place.stream] = reply["nextForwardToken"]
        return list(lines(reply["events"]))


def summary(item: TaskItem) -> str:
    """How a task has ended on AWS, when it ran and for how long, in one line."""
    tries = int(item.get("try_number", 0))
    said = [f"on AWS: {item['state']}" + (f" after try {tries}" if tries else ", without a try")]
    began, ended = item.get("started_at"), item.get("ended_at")
    if began and ended:
        seconds = (moment(ended) - moment(began)).total_seconds()
        said.append(f"from {began} to {ended}, {seconds:.1f} s")
    elif ended:
        said.append(f"at {ended}")
    if job := item.get("job_id"):
        said.append(f"job {job}")
    return "; ".join(said)


def rest(read: Mapping[str, str], found: Sequence[LogPlace]) -> list[LogPlace]:
    """The streams of which nothing has been shown."""
    return [place for place in found if place.stream not in read]
