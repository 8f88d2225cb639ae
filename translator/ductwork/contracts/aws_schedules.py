"""What starts a DAG's runs on AWS: schedules of EventBridge Scheduler and rules of EventBridge, as data to be printed.

``ductwork.schedules`` makes them of a workflow, and whoever writes templates prints them. Which bounds can still be
said depends on the moment: EventBridge Scheduler takes no start date that is more than five minutes ago, and an
``at()`` that has passed never fires. So :meth:`Schedule.properties` is told the time; all else is the same each time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.names import short_hash, shorten

# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
NAME_LIMIT, EXPRESSION_LIMIT, ZONE_LIMIT = 64, 256, 50
# Replaced by EventBridge Scheduler: the moment that the schedule names, like 2026-03-22T18:59:00Z.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
# The member of an execution's input whose state machine works out dates, interval and run id by itself.
SCHEDULED_TIME_MEMBER = "scheduled_time"
# What a file says in place of the state machine's ARN, and of the role that starts its executions.
MACHINE_PLACE, ROLE_PLACE = "${StateMachineArn}", "${SchedulerRoleArn}"
# The same of the machine that starts runs by events, and of the role that starts it.
STARTER_PLACE, EVENT_ROLE_PLACE = "${StarterArn}", "${EventRoleArn}"


@dataclass(frozen=True)
class Schedule:
    """One ``AWS::Scheduler::Schedule`` that starts executions of a DAG's state machine.

    :param name: legal and of this DAG alone
    :param expression: ``cron(...)``, ``rate(...)`` or ``at(...)``
    :param zone: an IANA name, in which ``cron`` and ``at`` are read
    :param start: ISO 8601 in UTC: nothing fires before it; of a rate the moment from which it counts; empty for none
    :param end: ISO 8601 in UTC: nothing fires after it; empty for none
    :param period: of a rate that counts from ``start`` even where that has passed: seconds from one firing to the next
    :param grid: of such a rate: ISO 8601, a moment from which it counts in place of a ``start`` that has passed
    :param input: JSON text, the execution's input, in which the Scheduler replaces :data:`SCHEDULED_TIME`
    :param description: why there is this schedule, for who reads the console
    """

    name: str
    expression: str
    zone: str = "UTC"
    start: str = ""
    end: str = ""
    period: int = 0
    input: str = "{}"
    grid: str = ""
    description: str = ""

    def properties(self, machine: object, role: object, now: datetime) -> JsonObject | None:
        """The properties of an ``AWS::Scheduler::Schedule``; None if it can never fire any more.

        :param machine: the state machine's ARN, or what a template says for it; likewise ``role``, which the Scheduler
            takes on, and which must be allowed ``states:StartExecution``
        :param now: aware; when the template is made
        """
        if self.end and _moment(self.end) <= now:
            return None
        start = _moment(self.start) if self.start else None
        if self.expression.startswith("at("):
            if start is not None and start <= now:
                return None
            start = None
        elif self.period and start is not None and start < now:
            start = self._counted(_moment(self.grid) if self.grid else start, now)
        elif start is not None and start <= now and not self.period:
            start = None
        properties: dict[str, object] = {
            "Name": self.name,
            "Description": self.description,
            "ScheduleExpression": self.expression,
            "ScheduleExpressionTimezone": self.zone,
            "StartDate": _written(start) if start else None,
            "EndDate": _written(_moment(self.end)) if self.end else None,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": machine, "RoleArn": role, "Input": self.input},
        }
        return {name: value for name, value in properties.items() if value}

    def _counted(self, start: datetime, now: datetime) -> datetime:
        """The next firing of a rate that has counted from a moment of the past."""
        period = timedelta(seconds=self.period)
        return start - (start - now) // period * period


@dataclass(frozen=True)
class EventRule:
    """One ``AWS::Events::Rule`` whose events, as they are, start executions of the machine of :class:`Starter`.

    :param pattern: of the events; texts may have the places of that machine's definition; empty for a clock's
    :param bus: name or ARN of the bus, or a ``${substitution}``
    :param clock: ``rate(...)``: it is the clock that tells, and no event
    """

    name: str
    pattern: JsonObject
    bus: str = "default"
    description: str = ""
    clock: str = ""

    def properties(self, machine: object, role: object) -> JsonObject:
        """The properties of an ``AWS::Events::Rule``.

        :param machine: the ARN of the starter, or what a template says for it; likewise ``role``, which
            EventBridge takes on
        """
        return {
            "Name": self.name,
            "Description": self.description,
            "EventBusName": self.bus,
            **({"ScheduleExpression": self.clock} if self.clock else {"EventPattern": self.pattern}),
            "Targets": [{"Id": "queue", "Arn": machine, "RoleArn": role}],
        }


@dataclass(frozen=True)
class Starter:
    """The small Express machine that starts a DAG's runs by events: assets are updated, or the run before has ended.

    :param definition: with the places :data:`MACHINE_PLACE` and the ledger's table
    :param rules: which events it is told
    :param told: what starts a run, in words
    """

    definition: JsonObject
    rules: tuple[EventRule, ...]
    told: str = ""


@dataclass(frozen=True)
class StartedBy:
    """All that starts runs of one DAG; empty for a DAG that only people start."""

    schedules: tuple[Schedule, ...] = ()
    starter: Starter | None = None

    def __bool__(self) -> bool:
        return bool(self.schedules or self.starter)

    def told(self) -> str:
        """What starts runs, in words for a person; empty for nothing."""
        parts = []
        if self.schedules:
            first, more = self.schedules[0], len(self.schedules) - 1
            zone = "" if first.expression.startswith("rate(") else f" in {first.zone}"
            parts.append(f"{first.expression}{zone}" + (f" and {more} more schedules" if more else ""))
        if self.starter:
            parts.append(self.starter.told)
        return "; ".join(parts)

    def documents(self) -> JsonObject:
        """As a file says it: properties of CloudFormation's types, with places for the ARNs, and all dates as they are.

        AWS refuses a ``StartDate`` that has passed; whoever makes a schedule of a file leaves it out.
        """
        ever = datetime(1970, 1, 1, tzinfo=timezone.utc)
        schedules = [each.properties(MACHINE_PLACE, ROLE_PLACE, ever) for each in self.schedules]
        if self.starter is None:
            return {"schedules": schedules, "rules": []}
        rules = [each.properties(STARTER_PLACE, EVENT_ROLE_PLACE) for each in self.starter.rules]
        return {"schedules": schedules, "rules": rules, "starter": self.starter.definition}


def schedule_name(dag_id: str, number: int) -> str:
    """A legal name for one of a DAG's schedules or rules, by its place among them."""
    suffix = f"-{number}"
    legal = re.sub(r"[^A-Za-z0-9_.-]", "-", dag_id)
    if legal != dag_id:
        legal = f"{legal}-{short_hash(dag_id)}"
    return shorten(legal, NAME_LIMIT - len(suffix)) + suffix


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _written(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
