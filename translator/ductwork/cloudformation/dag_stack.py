"""The template of one DAG: its state machines, their role and log, its job definitions and their roles, alarms.

What all DAGs share, the ledger and the job queue, it imports from the shared stack (:mod:`.shared_stack`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import cast

from ductwork.cloudformation import job_policies, machine_policy, starts, status_resources
from ductwork.cloudformation.dag_parameters import ALARMS, MACHINE_POLICIES, conditions, parameters
from ductwork.cloudformation.intrinsics import NO_VALUE, Resource, Value, arn, att, filled, places_of, ref, sub, when
from ductwork.cloudformation.job_definitions import EXECUTION_ROLE, WORKER_IMAGE, WORKER_ROLE, JobDefinitions
from ductwork.cloudformation.machine_policy import Names
from ductwork.cloudformation.manifest_state import with_manifest
from ductwork.cloudformation.statements import Statement, further_policies, role
from ductwork.compiler import Artefact, to_json
from ductwork.contracts import container_job, machine_bundle, names, shared_request
from ductwork.contracts.aws_schedules import StartedBy
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.machine_bundle import MachineBundle
from ductwork.contracts.stepfunctions_limits import MACHINE_NAME_LIMIT
from ductwork.ir import Deployment, Workflow

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_TEMPLATE_BYTES = 1_000_000
MAX_REQUEST_BYTES = 51_200  # of a template that is not read from S3
MAX_RESOURCES = 500
_MACHINE = "Machine"
# What a Task calls is named with the partition that the stack is in.
_PARTITION = "AwsPartition"
_CALLED = re.compile(r'("Resource":"arn:)aws(?=:states:::)')


@dataclass(frozen=True)
class Stack:
    """What is deployed for one DAG.

    :param dag_id: the DAG's
    :param template: JSON data
    :param files: texts of definitions that are too large for a template, by their keys in the bucket
    """

    dag_id: str
    template: JsonObject
    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """The template as JSON text."""
        return to_json(self.template)


@dataclass(frozen=True)
class Further:
    """What a stack has besides what the DAG was compiled to.

    :param image: the default of the parameter ``WorkerImage``
    :param started_by: what starts runs
    :param now: aware; when the template is made, for schedules that can never fire any more
    :param template_bytes: that a template may have; definitions that are too large for it are read from a bucket
    """

    image: str | None = None
    started_by: StartedBy = field(default_factory=StartedBy)
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    template_bytes: int = MAX_TEMPLATE_BYTES


def of(artefact: Artefact, workflow: Workflow, further: Further) -> Stack:
    """The stack of one compiled DAG.

    :param artefact: compiled for Step Functions with the places of :mod:`.compiling`
    :raises ValueError: something of it has no room in a stack, or no policy is known for what it calls; the message
        says what
    """
    stack = _build(artefact, workflow, further, inline=True)
    if len(stack.text.encode()) > further.template_bytes:
        stack = _build(artefact, workflow, further, inline=False)
    if (count := len(cast(Mapping[str, object], stack.template["Resources"]))) > MAX_RESOURCES:
        raise ValueError(f"its stack would have {count} resources, and one may have {MAX_RESOURCES}")
    return stack


def _build(artefact: Artefact, workflow: Workflow, further: Further, *, inline: bool) -> Stack:
    maker = _Maker(artefact, workflow, inline=inline)
    started = starts.resources(further.started_by, further.now, maker.around())
    resources = {**maker.resources(), **started}
    used = places_of(json.dumps(resources)) | maker.places
    limit = machine_bundle.ROOT_NAME_LIMIT if maker.bundle["parts"] else MACHINE_NAME_LIMIT
    template: dict[str, object] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Airflow DAG {artefact.dag_id}, compiled by Ductwork",
        "Parameters": parameters(
            machine_name=names.state_machine_name(artefact.dag_id, limit),
            name_limit=limit,
            image=further.image,
            has_workers=WORKER_IMAGE in used,
            has_calls=maker.has_calls,
            has_bucket=not inline,
        )
        | (dict(starts.PARAMETER) if started else {}),
        "Conditions": conditions(has_workers=WORKER_IMAGE in used, has_calls=maker.has_calls),
        "Resources": resources,
        "Outputs": {"StateMachineArn": {"Value": ref(_MACHINE)}, "DagId": {"Value": artefact.dag_id}},
    }
    return Stack(artefact.dag_id, template, maker.files)


def imported(name: str) -> Value:
    """An output of the shared stack."""
    return {"Fn::ImportValue": sub(f"${{SharedStack}}-{name}")}


class _Maker:
    def __init__(self, artefact: Artefact, workflow: Workflow, *, inline: bool) -> None:
        self._workflow, self._inline = workflow, inline
        self._definitions = JobDefinitions.of(artefact.job_definitions)
        self.bundle = self._read(artefact.document, artefact.dag_id)
        self._machines = [self.bundle["definition"], *self.bundle["parts"].values()]
        # As a run's item says it, see contracts.run_item.
        self._is_chain = '"engine": {"S": "batch"}' in json.dumps(self.bundle["definition"])
        text = json.dumps([self._machines, artefact.job_definitions])
        self.places = places_of(text) & self.values().keys()
        self.files: dict[str, str] = {}
        self.has_calls = bool(machine_policy.use_of(self._machines).calls)

    def _read(self, document: JsonObject, dag_id: str) -> MachineBundle:
        named = json.loads(self._definitions.named_in(json.dumps(document)))
        found = machine_bundle.named_by_content(machine_bundle.read(named))
        return {**found, "definition": with_manifest(found, dag_id, self._workflow.ledger_table)}

    def around(self) -> starts.Around:
        """What starts of runs are made with."""
        return starts.Around(_MACHINE, self._table_arn(), self.values())

    def values(self) -> Mapping[str, Value]:
        """What is filled in, by the names of places."""
        return {
            "JobQueue": imported("JobQueueArn"),
            "LedgerTable": imported("LedgerTable"),
            WORKER_IMAGE: ref(WORKER_IMAGE),
            WORKER_ROLE: att(WORKER_ROLE),
            EXECUTION_ROLE: att(EXECUTION_ROLE),
            _PARTITION: ref("AWS::Partition"),
            **self._definitions.places(),
        }

    def resources(self) -> dict[str, Resource]:
        """All resources by logical id."""
        statements = machine_policy.statements(self._machines, self._names())
        own = when(MACHINE_POLICIES, ref("MachinePolicyArns")) if self.has_calls else NO_VALUE
        made: dict[str, Resource] = {
            "MachineLog": _log_group(),
            "MachineRole": role("states.amazonaws.com", self._own_machines(), statements, own),
        }
        further = further_policies("MachineRole", statements)
        made |= further | self._roles_of_jobs()
        made |= self._definitions.resources(self.values(), self._plain_containers())
        for suffix, definition in self.bundle["parts"].items():
            machine = self._machine(f"${{MachineName}}-{suffix}", definition, list(further))
            made[_part_id(suffix)] = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", **machine}
        needed = [*further, *map(_part_id, self.bundle["parts"])]
        made[_MACHINE] = self._machine("${MachineName}", self.bundle["definition"], needed)
        status = imported("StatusMachineArn"), imported("StatusEventRoleArn")
        return (
            made | _alarms() | status_resources.of_dag_stack(self._workflow.dag_id, _MACHINE, self._queues(), *status)
        )

    def _queues(self) -> list[Value]:
        """The ARNs of the queues of its own."""
        return [_queue_arn(queue) for queue in sorted(machine_policy.use_of(self._machines).queues - {"${JobQueue}"})]

    def _own_machines(self) -> list[Value]:
        plain = arn("states", "stateMachine:${MachineName}")
        return [plain, arn("states", "stateMachine:${MachineName}-*")] if self.bundle["parts"] else [plain]

    def _names(self) -> Names:
        return Names(self._table_arn(), _queue_arn, self._definitions.arns, list(self.bundle["parts"]))

    def _table_arn(self) -> Value:
        table = self._workflow.ledger_table
        return imported("LedgerTableArn") if table == "${LedgerTable}" else arn("dynamodb", f"table/{table}")

    def _machine(self, name: str, definition: JsonObject, needed: Sequence[str]) -> Resource:
        text = _CALLED.sub(f"\\1${{{_PARTITION}}}", to_json(definition))
        used = {place: value for place, value in self.values().items() if place in places_of(text)}
        if self._inline:
            source: dict[str, Value] = {"DefinitionString": filled(text, used)}
        else:
            key = f"ductwork/{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
            self.files[key] = text
            source = {"DefinitionS3Location": {"Bucket": ref("DefinitionsBucket"), "Key": key}}
            source |= {"DefinitionSubstitutions": used} if used else {}
        logs = {
            "Level": ref("LogLevel"),
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": att("MachineLog")}}],
        }
        properties = {
            "StateMachineName": sub(name),
            "RoleArn": att("MachineRole"),
            **source,
            "LoggingConfiguration": logs,
            "Tags": [{"Key": "ductwork:dag", "Value": names.state_machine_name(self._workflow.dag_id)}],
        }
        made: dict[str, Value] = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
        return {**made, "DependsOn": list(needed)} if needed else made

    # ---- the roles of jobs ----

    def _roles_of_jobs(self) -> dict[str, Resource]:
        made: dict[str, Resource] = {}
        tasks = [arn("ecs", "*")]
        if self._has_workers():
            allowed = job_policies.of_workers(self._machines, self._table_arn(), self._buses(), is_chain=self._is_chain)
            allowed += job_policies.of_code(self._code())
            allowed += job_policies.of_starts(self._workflow)
            allowed += job_policies.of_containers(
                self._workflow, _queue_arn, self._revisions, [self._role(each) for each in self._roles_made_later()]
            )
            own = when("HasWorkerPolicies", ref("WorkerPolicyArns"))
            made[WORKER_ROLE] = role("ecs-tasks.amazonaws.com", tasks, allowed, own)
            made |= further_policies(WORKER_ROLE, allowed)
        if EXECUTION_ROLE in self.places:
            requests = [each for each in self._definitions.requests.values() if _takes_execution_role(each)]
            requests += [_any_container(each) for each in self._made_later()]
            starts: list[Statement] = job_policies.of_execution(requests)
            made[EXECUTION_ROLE] = role("ecs-tasks.amazonaws.com", tasks, starts)
            made |= further_policies(EXECUTION_ROLE, starts)
        return made

    def _revisions(self, name: str) -> Sequence[Value]:
        return self._definitions.arns(self._definitions.named_in(name))

    def _made_later(self) -> list[Deployment]:
        """The deployment values of containers whose job definitions workers register, as they depend on the run."""
        told = [container_job.of_task(task) for task in self._workflow.tasks]
        return [each.deployment for each in told if each is not None and not each.definition]

    def _roles_made_later(self) -> list[str]:
        roles = {role for each in self._made_later() for role in (each.job_role, each.execution_role) if role}
        return sorted(roles)

    def _role(self, name: str) -> Value:
        return att(EXECUTION_ROLE) if name == f"${{{EXECUTION_ROLE}}}" else name

    def _has_workers(self) -> bool:
        plain = self._plain_containers()
        workers = [each for name, each in self._definitions.requests.items() if name not in plain]
        return f"${{{WORKER_ROLE}}}" in json.dumps(workers)

    def _deployments(self) -> list[Deployment]:
        return [self._workflow.deployment, *(task.deployment for task in self._workflow.tasks)]

    def _buses(self) -> list[str]:
        buses = (task.deployment.event_bus for task in self._workflow.tasks)
        return sorted({bus for bus in buses if bus})

    def _code(self) -> list[str]:
        return sorted({values.dag_code for values in self._deployments() if values.dag_code})

    def _plain_containers(self) -> list[str]:
        """The definitions that no worker of ours runs in."""
        of_workers = [shared_request.of_machine(machine) for machine in self._machines]
        requests = [state["Arguments"] for state in machine_policy.tasks_of(self._machines) if _submits(state)]
        # What is told all workers is told once, in variables of the run.
        of_workers += [
            each
            for each in requests
            if isinstance(each, dict) and any(sign in json.dumps(each) for sign in ("DUCTWORK_", "$run.env"))
        ]
        workers = {str(each["JobDefinition"]) for each in of_workers if each}
        return [name for name in self._definitions.requests if f"${{{name}}}" not in workers]


def _any_container(values: Deployment) -> JsonObject:
    """In the place of a job definition that nobody knows yet: all that starting its container may take."""
    login = {"credentialsParameter": values.registry_credentials}
    return {
        "containerProperties": {
            "image": job_policies.ANY_IMAGE,
            "secrets": [{"name": name, "valueFrom": where} for name, where in sorted(values.secrets.items())],
            **({"repositoryCredentials": login} if values.registry_credentials else {}),
        }
    }


def _submits(state: JsonObject) -> bool:
    return str(state["Resource"]).partition(".")[0].endswith(":batch:submitJob")


def _takes_execution_role(request: JsonObject) -> bool:
    return cast(JsonObject, request["containerProperties"]).get("executionRoleArn") == f"${{{EXECUTION_ROLE}}}"


def _part_id(suffix: str) -> str:
    return f"Part{suffix.replace('-', 'x')}"


def _queue_arn(queue: str) -> Value:
    if queue == "${JobQueue}":
        return imported("JobQueueArn")
    return queue if queue.startswith("arn:") else arn("batch", f"job-queue/{queue}")


def _log_group() -> Resource:
    properties = {
        "LogGroupName": sub("/aws/vendedlogs/states/${MachineName}"),
        "RetentionInDays": ref("LogRetentionDays"),
    }
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": properties,
    }


# CloudWatch's metrics of a state machine: name, what it tells.
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
_METRICS = {
    "RunsFailed": ("ExecutionsFailed", "a run has failed"),
    "RunsTimedOut": ("ExecutionsTimedOut", "a run has outlived its time limit"),
    "RunsThrottled": ("ExecutionThrottled", "Step Functions slows the runs down"),
}


def _alarms() -> dict[str, Resource]:
    return {
        name: {
            "Type": "AWS::CloudWatch::Alarm",
            "Condition": ALARMS,
            "Properties": {
                "AlarmDescription": sub(f"${{MachineName}}: {what}"),
                "Namespace": "AWS/States",
                "MetricName": metric,
                "Dimensions": [{"Name": "StateMachineArn", "Value": ref(_MACHINE)}],
                "Statistic": "Sum",
                "Period": 300,
                "EvaluationPeriods": 1,
                "Threshold": 0,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [ref("AlarmTopicArn")],
            },
        }
        for name, (metric, what) in _METRICS.items()
    }
