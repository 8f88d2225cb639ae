"""The log files of the jobs as CloudWatch Logs streams of moto: read when somebody asks, so following one works."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ductwork.contracts.default_names import JOB_LOG_GROUP
from moto.logs.models import LogGroup, LogsBackend

# Bytes of one event: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_MAX_MESSAGE = 256 * 1024


@dataclass
class _Source:
    file: Path
    offset: int = 0


class JobLogs:
    """The streams of one account and Region."""

    def __init__(self, backend: LogsBackend) -> None:
        self._backend = backend
        self._sources: dict[str, _Source] = {}
        self._lock = threading.Lock()
        self._followed: LogGroup | None = None

    def add(self, stream: str, file: Path) -> None:
        """Make ``file``, which a job is about to write, a stream."""
        with self._lock:
            self._sources[stream] = _Source(file)
        group = self._group()
        group.create_log_stream(stream)

    def _group(self) -> LogGroup:
        if JOB_LOG_GROUP not in self._backend.groups:
            self._backend.create_log_group(JOB_LOG_GROUP, {})
        group = self._backend.groups[JOB_LOG_GROUP]
        if group is not self._followed:
            self._follow(group)
        return group

    def _follow(self, group: Any) -> None:
        """Let the group look at the files before it answers."""
        read, search = group.get_log_events, group.filter_log_events

        def get_log_events(log_stream_name: str, *args: object, **kwargs: object) -> object:
            self._take_in(group, [log_stream_name])
            return read(log_stream_name, *args, **kwargs)

        def filter_log_events(*args: object, **kwargs: object) -> object:
            self._take_in(group, list(self._sources))
            return search(*args, **kwargs)

        group.get_log_events, group.filter_log_events = get_log_events, filter_log_events
        self._followed = group

    def _take_in(self, group: Any, streams: list[str]) -> None:
        with self._lock:
            for name in streams:
                if (source := self._sources.get(name)) and (lines := _new_lines(source)):
                    now = int(time.time() * 1000)
                    group.streams[name].put_log_events([{"timestamp": now, "message": line} for line in lines])


def _new_lines(source: _Source) -> list[str]:
    """The lines written since the last call. A last line without its end waits, unless nothing follows it."""
    try:
        with source.file.open("rb") as file:
            file.seek(source.offset)
            data = file.read()
    except FileNotFoundError:  # the directory has been cleaned up
        return []
    whole = data[: data.rfind(b"\n") + 1] or data
    source.offset += len(whole)
    return [line[:_MAX_MESSAGE].decode(errors="replace") for line in whole.splitlines()]
