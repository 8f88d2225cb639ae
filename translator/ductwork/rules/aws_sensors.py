"""What the rules of sensors share that do no more than look at AWS: the machine pokes, and waits in between.

Such a rule is a function from the sensor's arguments to a :func:`poke`; how often it pokes, when it gives up, and what
becomes of failures is the same for all of them, and is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ductwork.ir import AwsCall, AwsSensor
from ductwork.ir.aws_call import Leaf
from ductwork.ir.aws_sensor import Absent, Backoff, Comes, Holds
from ductwork.rules.aws_calls import Given, Make, call_rule
from ductwork.rules.base import Decline, Rule

Poke = Callable[[Given], "AwsSensor | Decline"]
"""What a sensor asks AWS; a CannotLowerError leaves the task to a worker, as Decline does."""
_WHY = "the machine asks AWS again and again, and waits in between"


def poke(
    service: str, action: str, arguments: Mapping[str, object], *comes: Comes, absent: Absent | None = None
) -> AwsSensor:
    """What is asked, and what answers come to; if to none of these, not yet."""
    return AwsSensor(_WHY, service=service, action=action, arguments=arguments, comes=comes, absent=absent)


def over(*checks: Holds) -> Comes:
    """The waiting is over where all of these hold."""
    return Comes(checks)


def fails(error: Leaf, *checks: Holds) -> Comes:
    """The poke has failed where all of these hold."""
    return Comes(checks, error)


def texts(given: Given, name: str, otherwise: tuple[str, ...]) -> tuple[object, ...]:
    """An argument that is a list of texts; ``otherwise`` where it is not set, or empty."""
    value = given[name] or otherwise
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def sensor_rule(
    name: str, makes: Mapping[str, Poke], source: str, *, arguments: Mapping[str, str] | None = None
) -> Rule:
    """The rule of a family of sensors that look at AWS.

    :param name: the module's
    :param makes: by dotted name of the sensor's class
    :param arguments: which argument of the sensors a member of the request is made of, for diagnostics
    """
    return call_rule(name, {sensor: _sensing(make) for sensor, make in makes.items()}, source, arguments=arguments)


def _sensing(make: Poke) -> Make:
    def sensor(given: Given) -> AwsCall | Decline:
        task = given.task
        if task.mapped_group:
            return Decline("a run has any number of it, and its history has room for so many pokes, so a worker pokes")
        if given.constant("deferrable"):
            return Decline("deferrable is set, and the sensor's trigger waits in a way of its own, so a worker waits")
        made, reschedules = make(given), given["mode"] == "reschedule"
        skips = given.is_set("soft_fail", "never_fail")
        if task.execution_timeout and skips and not reschedules:
            return Decline(
                f"{skips} is set, and execution_timeout may come in a poke or between two, so a worker pokes"
            )
        return made if isinstance(made, Decline) else _with_settings(made, given)

    return sensor


def _with_settings(made: AwsSensor, given: Given) -> AwsSensor:
    longest = given.number("max_wait", 0)
    return replace(
        made,
        interval=given.number("poke_interval", made.interval),
        limit=given.number("timeout", made.limit),
        backoff=Backoff(longest or None) if given.is_set("exponential_backoff") else None,
        reschedules=given["mode"] == "reschedule",
        skips_late=bool(given.is_set("soft_fail")),
        skips_errors=bool(given.is_set("never_fail")),
        ignores_errors=bool(given.is_set("silent_fail")),
    )
