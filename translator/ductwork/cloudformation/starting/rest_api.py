"""A REST API of API Gateway: start, restart, skip, cancel and status of runs, without a Lambda.

=====================================  ====================================================================
POST /dags/{dag_id}/runs               starts a run: ``{"run_id"?, "logical_date"?, "conf"?}``
POST /dags/{dag_id}/restart            ``{"run_id", "tasks"?}``; likewise ``skip`` and ``cancel``
GET /dags/{dag_id}/status?run_id=...   the run and its tasks, out of the ledger
POST /schedules                        the universal scheduler's message
=====================================  ====================================================================

The control machine answers a request at once; see :mod:`.control_machine` for what it means.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from ductwork.cloudformation.intrinsics import Resource, Value, att, ref, sub
from ductwork.cloudformation.starting import control_machine, mapping_templates
from ductwork.cloudformation.starting.machines import Places, Resources
from ductwork.cloudformation.statements import Statement, role

Auth = Literal["iam", "api-key"]
_MACHINE, _ROLE, _API, _VALIDATOR, _STAGE = "ApiMachine", "ApiRole", "Api", "ApiValidator", "ApiStage"
_SCHEMA = "http://json-schema.org/draft-04/schema#"
_TASKS = {"type": "array", "items": {"type": "string", "pattern": r"^[^-\s]\S*$"}, "minItems": 1}
_RUN_ID = {"type": "string", "minLength": 1, "maxLength": 250}
_TEXT = {"type": "string", "maxLength": 250}
# Bodies by action: their members, and which are needed.
_BODIES: dict[str, tuple[dict[str, object], list[str]]] = {
    "start": ({"run_id": _RUN_ID, "logical_date": _TEXT, "conf": {"type": ["object", "string"]}}, []),
    "restart": ({"run_id": _RUN_ID, "tasks": _TASKS}, ["run_id"]),
    "skip": ({"run_id": _RUN_ID, "tasks": _TASKS}, ["run_id", "tasks"]),
    "cancel": ({"run_id": _RUN_ID}, ["run_id"]),
    "schedule": (
        {
            "scheduleId": {"type": "string", "minLength": 1},
            "startDateTime": _TEXT,
            "scheduleStatus": {"type": "string", "enum": sorted(control_machine.STATUSES)},
        },
        ["scheduleId", "scheduleStatus"],
    ),
}


def body_schema(action: str) -> dict[str, object]:
    """The JSON schema of an action's body; ``schedule`` is the universal scheduler's message."""
    members, needed = _BODIES[action]
    made: dict[str, object] = {"$schema": _SCHEMA, "type": "object", "properties": members}
    return {**made, "additionalProperties": False} | ({"required": needed} if needed else {})


def resources(places: Places, auth: Auth = "iam") -> Resources:
    """The API with its machine, roles and stage.

    :param auth: who may call it: whom IAM allows ``execute-api:Invoke``, or who has a key
    """
    paths: Resources = {
        "ApiDags": _path("dags", att(_API, "RootResourceId")),
        "ApiDag": _path("{dag_id}", ref("ApiDags")),
        "ApiSchedules": _path("schedules", att(_API, "RootResourceId")),
        "ApiStart": _path("runs", ref("ApiDag")),
        **{f"Api{action.title()}": _path(action, ref("ApiDag")) for action in ("restart", "skip", "cancel", "status")},
    }
    methods: Resources = {}
    for action in control_machine.ACTIONS:
        methods |= _posted(action, f"Api{action.title()}", action, ("dag_id",), auth)
    methods |= _posted("schedule", "ApiSchedules", "", (), auth)
    methods["ApiStatusMethod"] = _status(places, auth)
    allowed = [
        Statement("CarryOut", ("states:StartSyncExecution",), (ref(_MACHINE),)),
        Statement("Status", ("dynamodb:Query",), (places.ledger_arn,)),
    ]
    table = {
        # API Gateway does not say for which of its APIs it takes on a role.
        _ROLE: role("apigateway.amazonaws.com", [], allowed),
        _API: {
            "Type": "AWS::ApiGateway::RestApi",
            "Properties": {"Name": sub("${AWS::StackName}-runs"), "EndpointConfiguration": {"Types": ["REGIONAL"]}},
        },
        _VALIDATOR: {
            "Type": "AWS::ApiGateway::RequestValidator",
            "Properties": {"RestApiId": ref(_API), "ValidateRequestBody": True, "ValidateRequestParameters": True},
        },
    }
    machine = control_machine.resources(places, _MACHINE, of_rows=False)
    return machine | table | paths | methods | _stage(paths | methods) | (_key() if auth == "api-key" else {})


def _path(part: str, parent: Value) -> Resource:
    properties = {"RestApiId": ref(_API), "ParentId": parent, "PathPart": part}
    return {"Type": "AWS::ApiGateway::Resource", "Properties": properties}


def _authorised(auth: Auth) -> dict[str, object]:
    if auth == "iam":
        return {"AuthorizationType": "AWS_IAM"}
    return {"AuthorizationType": "NONE", "ApiKeyRequired": True}


def _posted(action: str, path: str, said: str, in_path: tuple[str, ...], auth: Auth) -> Resources:
    """A method that starts the control machine, and the model of its body."""
    model = f"{path}Model"
    template = sub(mapping_templates.start_execution(said, in_path), StateMachine=ref(_MACHINE))
    integration = _integration("states:action/StartSyncExecution", template, mapping_templates.ANSWER)
    properties = {
        **_method(path, "POST", auth, integration),
        "RequestParameters": {f"method.request.path.{name}": True for name in in_path},
        "RequestModels": {"application/json": ref(model)},
    }
    schema = {
        "Type": "AWS::ApiGateway::Model",
        "Properties": {"RestApiId": ref(_API), "ContentType": "application/json", "Schema": body_schema(action)},
    }
    return {model: schema, f"{path}Method": {"Type": "AWS::ApiGateway::Method", "Properties": properties}}


def _status(places: Places, auth: Auth) -> Resource:
    template = sub(mapping_templates.QUERY, Ledger=places.ledger)
    properties = {
        **_method("ApiStatus", "GET", auth, _integration("dynamodb:action/Query", template, mapping_templates.STATUS)),
        "RequestParameters": {"method.request.path.dag_id": True, "method.request.querystring.run_id": True},
    }
    return {"Type": "AWS::ApiGateway::Method", "Properties": properties}


def _method(path: str, verb: str, auth: Auth, integration: Resource) -> dict[str, object]:
    return {
        "RestApiId": ref(_API),
        "ResourceId": ref(path),
        "HttpMethod": verb,
        **_authorised(auth),
        "RequestValidatorId": ref(_VALIDATOR),
        "Integration": integration,
        "MethodResponses": [{"StatusCode": code} for code in ("200", "400", "500")],
    }


def _integration(call: str, request: Value, answer: str) -> Resource:
    """A call of AWS. What AWS refuses is passed on with its message, and what API Gateway does not take is refused."""
    passed_on = """{"message": $input.json('$.message')}"""
    return {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Uri": sub(f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:{call}"),
        "Credentials": att(_ROLE),
        "PassthroughBehavior": "NEVER",
        "RequestTemplates": {"application/json": request},
        "IntegrationResponses": [
            {"StatusCode": "200", "ResponseTemplates": {"application/json": answer}},
            *(
                {"StatusCode": code, "SelectionPattern": pattern, "ResponseTemplates": {"application/json": passed_on}}
                for code, pattern in (("400", r"4\d\d"), ("500", r"5\d\d"))
            ),
        ],
    }


def _stage(parts: Resources) -> Resources:
    """A deployment is a picture of the API: a changed API needs another one, and so another logical id."""
    number = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    deployment = f"ApiDeployment{number}"
    methods = sorted(name for name in parts if name.endswith("Method"))
    throttled = {"HttpMethod": "*", "ResourcePath": "/*", "ThrottlingBurstLimit": 20, "ThrottlingRateLimit": 10}
    stage = {"RestApiId": ref(_API), "DeploymentId": ref(deployment), "StageName": "v1", "MethodSettings": [throttled]}
    return {
        deployment: {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": methods,
            "Properties": {"RestApiId": ref(_API)},
        },
        _STAGE: {"Type": "AWS::ApiGateway::Stage", "Properties": stage},
    }


def _key() -> Resources:
    plan = {"ApiStages": [{"ApiId": ref(_API), "Stage": ref(_STAGE)}]}
    tied = {"KeyId": ref("ApiKey"), "KeyType": "API_KEY", "UsagePlanId": ref("ApiUsagePlan")}
    return {
        "ApiKey": {"Type": "AWS::ApiGateway::ApiKey", "Properties": {"Enabled": True}},
        "ApiUsagePlan": {"Type": "AWS::ApiGateway::UsagePlan", "Properties": plan},
        "ApiUsagePlanKey": {"Type": "AWS::ApiGateway::UsagePlanKey", "Properties": tied},
    }
