"""What starts a DAG's runs, as resources: schedules, rules on events, and the roles that they take on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ductwork.cloudformation.intrinsics import Resource, Value, arn, att, filled, ref
from ductwork.cloudformation.statements import Statement, role
from ductwork.contracts.aws_schedules import StartedBy
from ductwork.contracts.json_types import JsonObject

PARAMETER: Mapping[str, Resource] = {
    "Schedules": {
        "Type": "String",
        "Default": "ENABLED",
        "AllowedValues": ["ENABLED", "DISABLED"],
        "Description": "Whether schedules and events start runs",
    }
}
_SCHEDULE_ROLE, _RULE_ROLE = "ScheduleRole", "EventRole"


def resources(started_by: StartedBy, machine: str, now: datetime, places: Mapping[str, Value]) -> dict[str, Resource]:
    """The resources by logical id; none for a DAG that only people start.

    CloudFormation names schedules and rules, so that an account may have a DAG twice.

    :param machine: the logical id of the state machine
    :param now: aware; what can never fire any more is left out
    """
    made: dict[str, Resource] = {}
    for number, schedule in enumerate(started_by.schedules, start=1):
        properties = schedule.properties(ref(machine), att(_SCHEDULE_ROLE), now)
        if properties is not None:
            made[f"Schedule{number}"] = _named_by_stack("AWS::Scheduler::Schedule", properties, places)
    if made:
        source = arn("scheduler", "schedule/*")
        made[_SCHEDULE_ROLE] = role("scheduler.amazonaws.com", [source], [_start(machine)])
    for number, rule in enumerate(started_by.rules, start=1):
        made[f"Event{number}"] = _named_by_stack(
            "AWS::Events::Rule", rule.properties(ref(machine), att(_RULE_ROLE)), places
        )
    if started_by.rules:
        made[_RULE_ROLE] = role("events.amazonaws.com", [arn("events", "rule/*")], [_start(machine)])
    return made


def _start(machine: str) -> Statement:
    return Statement("StartRuns", ("states:StartExecution",), (ref(machine),))


def _named_by_stack(kind: str, properties: JsonObject, places: Mapping[str, Value]) -> Resource:
    given = {name: filled(value, places) for name, value in properties.items() if name != "Name"}
    return {"Type": kind, "Properties": {**given, "State": ref("Schedules")}}
