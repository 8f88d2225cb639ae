"""Sensors that wait for a moment: the target waits, no container does."""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.diagnostics.sources import STANDARD_PROVIDER
from ductwork.ir import Concat, Expr, RunValue, Text, Wait, Work
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules import moments
from ductwork.rules.base import Decline, Rule, needs_airflow
from ductwork.templates import CannotLowerError, lower_template

_SENSORS = "airflow.providers.standard.sensors"
_DELTA = (f"{_SENSORS}.time_delta.TimeDeltaSensor", f"{_SENSORS}.time_delta.TimeDeltaSensorAsync")
_MOMENT = (f"{_SENSORS}.date_time.DateTimeSensor", f"{_SENSORS}.date_time.DateTimeSensorAsync")


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
    if name := needs_airflow(task):
        return Decline(f"{name} is set, and it runs Airflow code, so a worker waits")
    if task.execution_timeout is not None:
        return Decline("execution_timeout is set, which bounds the waiting in a way of its own, so a worker waits")
    until, after = _target(task)
    if until is None and after is None:
        return Decline("only Airflow can tell what moment this is, so a worker waits")
    timeout = task.arguments.get("timeout")
    return Wait(
        why="the state machine waits; no container is needed",
        until=until,
        after_interval=after,
        timeout=float(7 * 86_400 if timeout is None else timeout),
        soft_fail=bool(task.arguments.get("soft_fail")),
        # What TimeDeltaSensor returns where it need not defer.
        pushes=after is not None
        and bool(task.arguments.get("deferrable"))
        and bool(task.settings.get("do_xcom_push", True)),
    )


def _target(task: TaskSnapshot) -> tuple[Expr | None, float | None]:
    if task.operator in _DELTA:
        delta = task.arguments.get("delta")
        # A duration has become seconds; a whole number the author wrote means minutes.
        if isinstance(delta, float):
            return None, delta
        return None, delta * 60.0 if type(delta) is int else None
    target: object = task.arguments.get("target_time")
    if not isinstance(target, str):
        return None, None
    try:
        lowered = lower_template(target, task.templating)
    except CannotLowerError:
        return None, None
    return _until(lowered, task.zone), None


def _until(target: Expr | str, zone: str) -> Expr | None:
    """The moment until which the sensor waits.

    :param zone: the time zone of moments without one
    """
    if isinstance(target, str):
        return moments.literal(target, zone)
    if target == RunValue("ts"):
        return target
    match target:
        case RunValue("ds"):
            return moments.on_its_day("", zone)
        case Concat((RunValue("ds"), Text(text))):
            return moments.on_its_day(text, zone)
    return None


RULE = Rule(
    name="time_sensor",
    operators=(*_DELTA, *_MOMENT),
    lower=_lower,
    source=f"{STANDARD_PROVIDER}/sensors/datetime.html",
)
