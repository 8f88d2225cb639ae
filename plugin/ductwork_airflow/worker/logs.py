"""The task's log on stdout, where AWS Batch takes it to CloudWatch, and what it says about a failure."""

from __future__ import annotations

import linecache
import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from ductwork_airflow.worker import drift
from ductwork_airflow.worker.drift import Drift

# What Airflow's task runner logs, with the exception, when a task fails. A failing callback logs other things.
_FAILURES = frozenset({"Task failed with exception", "Top level error"})

# What an operator logs before it fails for its trigger; the exception itself says no more than "Trigger failure".
_TRIGGER_FAILED = "Trigger failed:\n"

# The same on every line of a container that runs one task instance, or of no use to a reader.
_OMITTED = frozenset(
    {"dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id", "ti", "loc", "filename", "lineno", "func_name"}
)
_SHOWN = frozenset(
    {"positional_args", "timestamp", "level", "logger", "event", "error_detail", "exception", "exc_info"}
)
_FOLDING = ("::group::", "::endgroup::")

# Any: as structlog has it.
_Event = MutableMapping[str, Any]


class _Frame(TypedDict):
    filename: str
    lineno: int
    name: str


class _Exception(TypedDict):
    """As structlog's ``ExceptionDictTransformer`` makes it."""

    exc_type: str
    exc_value: str
    frames: Sequence[_Frame]


class FailureCapture:
    """A structlog processor that remembers how the task failed: the supervisor never sees the exception itself.

    It works on what is about to be printed, so secrets are masked already.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Remember nothing of the process that has ended."""
        self.exception: str | None = None
        self.message: str | None = None
        self.trigger: str | None = None
        self.drift: Drift | None = None
        self._unimported: Drift | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether a further try would fail in the same way."""
        return self.drift is not None and self.drift.lasting

    @property
    def error(self) -> str | None:
        """Why the task failed, in one line; None if its log does not say."""
        if self.drift:
            return self.drift.error
        if self.exception and self.trigger:
            return f"{self.exception} ({self.trigger})"
        return self.exception or self.message

    def __call__(self, logger: object, method: str, event: _Event) -> _Event:
        if event.get("level") in {"error", "critical"}:
            detail = event.get("error_detail")
            self._unimported = drift.import_error(event) or self._unimported
            self.drift = drift.missing(event, self._unimported) or self.drift
            if str(event.get("event")) in _FAILURES and detail:  # a task may log what is no text
                self.exception = _last_line(detail[0])
            elif str(event.get("event")).startswith(_TRIGGER_FAILED):
                self.trigger = str(event["event"]).rstrip().splitlines()[-1]
            elif event.get("logger") == "task" and event.get("event"):
                self.message = _with_code(event)
        return event


def render(logger: object, method: str, event: _Event) -> str:
    """A structlog renderer: one line for people, followed by the traceback if there is one."""
    import structlog

    text = str(event.get("event", ""))
    if text.startswith(_FOLDING):
        raise structlog.DropEvent
    more = [f"{key}={value}" for key, value in event.items() if key not in _SHOWN and key not in _OMITTED]
    head = f"{_time(event.get('timestamp'))} {str(event.get('level', method)).upper():<8}"
    line = " ".join([head, f"[{event.get('logger', 'task')}]", text, *more])
    if detail := event.get("error_detail"):
        return "\n".join([line, *traceback_lines(detail)])
    return "\n".join([line, event["exception"]]) if event.get("exception") else line


def traceback_lines(exceptions: Sequence[_Exception]) -> Iterator[str]:
    """What structlog makes of an exception and its causes, as Python would print it."""
    for place in range(len(exceptions) - 1, -1, -1):
        exception = exceptions[place]
        yield "Traceback (most recent call last):"
        for frame in exception.get("frames") or ():
            yield f'  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
            if source := linecache.getline(frame["filename"], frame["lineno"]).strip():
                yield f"    {source}"
        yield _last_line(exception)
        if place:
            yield ""
            yield "The above exception led to the following one:"
            yield ""


def _last_line(exception: _Exception) -> str:
    """As the last line of its traceback."""
    return f"{exception['exc_type']}: {exception['exc_value']}".removesuffix(": ")


def _with_code(event: Mapping[str, object]) -> str:
    code = event.get("exit_code")
    return str(event["event"]) + (f" (exit code {code})" if code is not None else "")


def _time(value: str | datetime | None) -> str:
    moment = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else ""


def configure() -> FailureCapture:
    """Let Airflow print the task's log lines to stdout, once and readable."""
    import structlog
    from airflow.sdk.log import configure_logging

    configure_logging.cache_clear()
    configure_logging(output=sys.stdout, colored_console_log=False)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    capture = FailureCapture()
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            handler.formatter.processors = [*handler.formatter.processors[:-1], render]
    processors = structlog.get_config()["processors"][:-1]
    structlog.configure(processors=[*processors, capture, render])
    return capture
