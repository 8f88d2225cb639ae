"""Parts of CloudFormation templates and of small state machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Of a template: JSON, some of whose objects are calls of intrinsic functions.
Value = object
Resource = Mapping[str, Value]
Resources = dict[str, Resource]


@dataclass(frozen=True)
class Places:
    """What the resources work with, each as text or as a call of an intrinsic function.

    :param machines: ARNs of state machines by the ids of their DAGs: what may be started
    :param ledger: the ledger's table; ``ledger_arn`` its ARN
    :param job_queue: where control jobs run; likewise ``job_definition``: a worker's, whose role may do what
        ``ductwork restart``, ``skip`` and ``cancel`` do; ARNs
    """

    machines: Mapping[str, Value]
    ledger: Value
    ledger_arn: Value
    job_queue: Value
    job_definition: Value


def ref(name: str) -> Value:
    return {"Ref": name}


def att(resource: str, attribute: str = "Arn") -> Value:
    return {"Fn::GetAtt": [resource, attribute]}


def sub(text: str, **values: Value) -> Value:
    """Text whose ``${...}`` are filled; ``values`` are those that are no resources of the template."""
    return {"Fn::Sub": [text, values] if values else text}


def jsonata(code: str) -> str:
    """An expression as a state machine has it."""
    return f"{{% {' '.join(line.strip() for line in code.strip().splitlines())} %}}"


def machine(definition: Mapping[str, object], role: str, places: Mapping[str, Value], *, express: bool) -> Resource:
    """A state machine.

    :param role: the logical id of its role
    :param places: what its ``${...}`` are filled with
    """
    properties = {
        "StateMachineType": "EXPRESS" if express else "STANDARD",
        "DefinitionString": json.dumps(definition, separators=(",", ":"), sort_keys=True),
        "DefinitionSubstitutions": dict(places),
        "RoleArn": att(role),
    }
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


def role(service: str, *statements: Resource) -> Resource:
    """A role that one service takes on for resources of this account."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    }
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "ductwork", "PolicyDocument": policy}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def allow(actions: Sequence[str], resources: Sequence[Value]) -> Resource:
    """A statement of a policy."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
