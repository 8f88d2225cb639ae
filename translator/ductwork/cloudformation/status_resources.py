"""The machine that writes what AWS tells of jobs and executions, with what starts it, as resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.cloudformation import status_machine
from ductwork.cloudformation.intrinsics import Resource, Value, arn, att, ref, sub
from ductwork.cloudformation.machine_policy import deliver_logs
from ductwork.cloudformation.statements import Statement, role
from ductwork.contracts import ledger as schema
from ductwork.contracts.ledger import json_text

MACHINE, EVENT_ROLE = "StatusMachine", "StatusEventRole"
EXECUTION_RULE, JOB_RULE = "BrokenRuns", "JobEvents"
_ROLE, _LOG = "StatusRole", "StatusLog"
_NAME = "${AWS::StackName}-status"


def of_shared_stack(queue: Value) -> dict[str, Resource]:
    """The machine, and the rule for the jobs of the shared queue, by logical id.

    :param queue: its ARN
    """
    table, index = (
        arn("dynamodb", f"table/{status_machine.TABLE}{of}") for of in ("", f"/index/{schema.INDEX_BY_DAG}")
    )
    allowed = [
        Statement("Ledger", ("dynamodb:GetItem", "dynamodb:UpdateItem"), (table,)),
        Statement("RunsOfDag", ("dynamodb:Query",), (index,)),
        deliver_logs(),
    ]
    start = Statement("WriteStatus", ("states:StartExecution",), (ref(MACHINE),))
    logs = {"Level": "ERROR", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": att(_LOG)}}]}
    machine = {
        "StateMachineName": sub(_NAME),
        "StateMachineType": "EXPRESS",
        "RoleArn": att(_ROLE),
        "DefinitionString": sub(_in_any_partition(json_text(status_machine.definition()))),
        "LoggingConfiguration": logs,
    }
    log = {"LogGroupName": sub(f"/aws/vendedlogs/states/{_NAME}"), "RetentionInDays": ref("LogRetentionDays")}
    policies = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {
        _LOG: {"Type": "AWS::Logs::LogGroup", **policies, "Properties": log},
        _ROLE: role("states.amazonaws.com", [arn("states", f"stateMachine:{_NAME}")], allowed),
        EVENT_ROLE: role("events.amazonaws.com", [arn("events", "rule/*")], [start]),
        MACHINE: {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        JOB_RULE: _rule(status_machine.job_events([queue]), {"Arn": ref(MACHINE), "RoleArn": att(EVENT_ROLE)}),
    }


def of_dag_stack(
    dag_id: str, machine: str, queues: Sequence[Value], status: Value, event_role: Value
) -> dict[str, Resource]:
    """The rules for a DAG's executions that break, and for jobs in queues of its own, by logical id.

    :param machine: the logical id of its state machine
    :param queues: the ARNs of those queues
    :param status: the ARN of the machine that writes; ``event_role``: of the role that starts it
    """
    target = {"Arn": status, "RoleArn": event_role}
    with_dag = {
        **target,
        "InputTransformer": {"InputTemplate": status_machine.execution_input(dag_id)},
    }
    made = {EXECUTION_RULE: _rule(status_machine.execution_events(ref(machine)), with_dag)}
    return {**made, JOB_RULE: _rule(status_machine.job_events(queues), target)} if queues else made


def _rule(pattern: Mapping[str, Value], target: Mapping[str, Value]) -> Resource:
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "Targets": [{"Id": "status", **target}]},
    }


def _in_any_partition(text: str) -> str:
    return text.replace("arn:aws:states:::", "arn:${AWS::Partition}:states:::")
