"""Sensors that wait for a moment: the target waits, no container does."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ductwork.diagnostics import Diagnostics
from ductwork.ir import RunValue, Text, Wait, Work
from ductwork.rules.base import Decline, Rule, needs_airflow
from ductwork.snapshot import TaskSnapshot
from ductwork.templates import CannotLowerError, lower_template

_SENSORS = "airflow.providers.standard.sensors"
_DELTA = (f"{_SENSORS}.time_delta.TimeDeltaSensor", f"{_SENSORS}.time_delta.TimeDeltaSensorAsync")
_MOMENT = (f"{_SENSORS}.date_time.DateTimeSensor", f"{_SENSORS}.date_time.DateTimeSensorAsync")
# Values of the run that are a moment in ISO 8601.
_MOMENTS = {"ts", "ds"}


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    if name := needs_airflow(task):
        return Decline(f"{name} is set, and it runs Airflow code, so a worker waits")
    if task.execution_timeout is not None:
        return Decline("execution_timeout is set, which bounds the waiting in a way of its own, so a worker waits")
    until, after = _target(task)
    if until is None and after is None:
        return Decline("only Airflow can tell what moment this is, so a worker waits")
    return Wait(
        why="the state machine waits; no container is needed",
        until=until,
        after_interval=after,
        timeout=float(task.arguments.get("timeout") or 7 * 86_400),
        soft_fail=bool(task.arguments.get("soft_fail")),
        # What TimeDeltaSensor returns where it need not defer.
        pushes=after is not None
        and bool(task.arguments.get("deferrable"))
        and bool(task.settings.get("do_xcom_push", True)),
    )


def _target(task: TaskSnapshot) -> tuple[Text | RunValue | None, float | None]:
    if task.operator in _DELTA:
        delta = task.arguments.get("delta")
        # A duration has become seconds; a whole number the author wrote means minutes.
        if isinstance(delta, float):
            return None, delta
        return None, delta * 60.0 if type(delta) is int else None
    target: Any = task.arguments.get("target_time")
    if not isinstance(target, str):
        return None, None
    try:
        lowered = lower_template(target)
    except CannotLowerError:
        return None, None
    if isinstance(lowered, str):
        return _literal(lowered), None
    return (lowered, None) if isinstance(lowered, RunValue) and lowered.name in _MOMENTS else (None, None)


def _literal(text: str) -> Text | None:
    """The moment in UTC; None for what does not say its zone, for that is Airflow's to choose."""
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return Text(moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"))


RULE = Rule(name="time_sensor", operators=(*_DELTA, *_MOMENT), lower=_lower)
