"""What starts a DAG's runs, as resources: schedules, a machine that counts and starts, and the roles that they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ductwork.cloudformation.intrinsics import Resource, Value, arn, att, filled, ref, sub
from ductwork.cloudformation.machine_policy import deliver_logs
from ductwork.cloudformation.statements import Statement, role
from ductwork.contracts.aws_schedules import StartedBy, Starter
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import json_text

PARAMETER: Mapping[str, Resource] = {
    "Schedules": {
        "Type": "String",
        "Default": "ENABLED",
        "AllowedValues": ["ENABLED", "DISABLED"],
        "Description": "Whether schedules and events start runs",
    }
}
_SCHEDULE_ROLE, _RULE_ROLE = "ScheduleRole", "EventRole"
_STARTER, _STARTER_ROLE, _STARTER_LOG = "Starter", "StarterRole", "StarterLog"
# Such a machine has no name of its own; its log has.
_LOG_NAME = "/aws/vendedlogs/states/${MachineName}-starter"


@dataclass(frozen=True)
class Around:
    """What of a DAG's stack its starts need.

    :param machine: the logical id of the state machine
    :param table_arn: the ledger's
    :param places: what is filled in, by the names of places; with the machine's
    """

    machine: str
    table_arn: Value
    places: Mapping[str, Value]


def resources(started_by: StartedBy, now: datetime, around: Around) -> dict[str, Resource]:
    """The resources by logical id; none for a DAG that only people start.

    CloudFormation names schedules and rules, so that an account may have a DAG twice.

    :param now: aware; what can never fire any more is left out
    """
    made: dict[str, Resource] = {}
    for number, schedule in enumerate(started_by.schedules, start=1):
        properties = schedule.properties(ref(around.machine), att(_SCHEDULE_ROLE), now)
        if properties is not None:
            made[f"Schedule{number}"] = _named_by_stack("AWS::Scheduler::Schedule", properties, around.places)
    if made:
        source = arn("scheduler", "schedule/*")
        made[_SCHEDULE_ROLE] = role("scheduler.amazonaws.com", [source], [_start(around.machine)])
    return made | (_starter(started_by.starter, around) if started_by.starter else {})


def _starter(starter: Starter, around: Around) -> dict[str, Resource]:
    made: dict[str, Resource] = {}
    places = {**around.places, "StateMachineArn": ref(around.machine)}
    for number, rule in enumerate(starter.rules, start=1):
        properties = rule.properties(ref(_STARTER), att(_RULE_ROLE))
        made[f"Event{number}"] = _named_by_stack("AWS::Events::Rule", properties, places)
    allowed = [
        Statement("Queue", ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"), (around.table_arn,)),
        Statement("Runs", ("states:ListExecutions", "states:StartExecution"), (ref(around.machine),)),
        *_looks_at_executions(starter),
        deliver_logs(),
    ]
    logs = {"Level": "ERROR", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": att(_STARTER_LOG)}}]}
    text = json_text(starter.definition).replace("arn:aws:states:::", "arn:${AwsPartition}:states:::")
    machine = {
        "StateMachineType": "EXPRESS",
        "RoleArn": att(_STARTER_ROLE),
        "DefinitionString": filled(text, places),
        "LoggingConfiguration": logs,
    }
    log = {"LogGroupName": sub(_LOG_NAME), "RetentionInDays": ref("LogRetentionDays")}
    gone = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {
        **made,
        _RULE_ROLE: role("events.amazonaws.com", [arn("events", "rule/*")], [_start(_STARTER)]),
        _STARTER_LOG: {"Type": "AWS::Logs::LogGroup", **gone, "Properties": log},
        _STARTER_ROLE: role("states.amazonaws.com", [arn("states", "stateMachine:*")], allowed),
        _STARTER: {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
    }


def _looks_at_executions(starter: Starter) -> list[Statement]:
    if "sfn:describeExecution" not in json_text(starter.definition):
        return []
    return [Statement("LastRun", ("states:DescribeExecution",), (arn("states", "execution:${MachineName}:*"),))]


def _start(machine: str) -> Statement:
    return Statement("StartRuns", ("states:StartExecution",), (ref(machine),))


def _named_by_stack(kind: str, properties: JsonObject, places: Mapping[str, Value]) -> Resource:
    given = {name: filled(value, places) for name, value in properties.items() if name != "Name"}
    return {"Type": kind, "Properties": {**given, "State": ref("Schedules")}}
