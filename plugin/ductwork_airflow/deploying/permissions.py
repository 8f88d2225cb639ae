"""Whether the roles of a deployed DAG may do what its machines and workers call, as IAM itself answers.

A template gives a role what it needs; somebody may have changed the role since, and a permissions boundary or a policy
of the organisation may take away what it gives.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from ductwork.cloudformation import job_policies, machine_policy
from ductwork.cloudformation.machine_policy import Names
from ductwork.cloudformation.statements import EVERYTHING, Statement
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.deploying.findings import BAD, Finding

_PLACE = re.compile(r"\$\{([\w:]+)\}")
_ANEW = "undeploy the DAG, then deploy it"


class _Result(TypedDict, total=False):
    """What IAM says of an action; boto3's."""

    EvalActionName: str
    EvalResourceName: str
    EvalDecision: str
    OrganizationsDecisionDetail: Mapping[str, bool]
    PermissionsBoundaryDecisionDetail: Mapping[str, bool]


@dataclass(frozen=True)
class Deployed:
    """The machines of a DAG as they are deployed.

    :param root: the ARN of the root
    :param children: suffixes of the names of child machines
    :param definitions: all definitions, the root's first
    :param table: the ARN of the ledger
    """

    root: str
    children: Sequence[str]
    definitions: Sequence[JsonObject]
    table: str

    def of_machines(self) -> list[Statement]:
        """What the machines' role needs."""
        names = Names(self.table, lambda queue: queue, lambda definition: [definition], self.children)
        return machine_policy.statements(self.definitions, names)

    def of_workers(self) -> list[Statement]:
        """What the workers' role needs, but for what the code of the tasks calls."""
        is_chain = '"engine": {"S": "batch"}' in json.dumps(list(self.definitions))
        return job_policies.of_workers(self.definitions, self.table, (), is_chain=is_chain)


def read(aws: Aws, root: str, machines: Sequence[str], table: str) -> Deployed:
    """Ask Step Functions for the definitions.

    :param machines: the ARNs of all machines of the DAG, with the root's
    """
    client = aws.client("stepfunctions")
    ordered = [root, *sorted(set(machines) - {root})]
    partition = root.split(":")[1]
    texts = [client.describe_state_machine(stateMachineArn=each)["definition"] for each in ordered]
    plain = [text.replace(f"arn:{partition}:states:::", "arn:aws:states:::") for text in texts]
    return Deployed(
        root, [each.removeprefix(f"{root}-") for each in ordered[1:]], [json.loads(t) for t in plain], table
    )


def check(aws: Aws, role: str, needed: Sequence[Statement], deployed: Deployed) -> Iterator[Finding]:
    """What a role may not do that it needs to.

    :param role: its ARN
    """
    client, about = aws.client("iam"), f"permissions of {role.rpartition('/')[2]}"
    denied: list[_Result] = []
    for statement in needed:
        resources = [text for each in statement.resources if (text := _text(each, deployed.root)) is not None]
        if not resources:
            continue
        answer = client.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=list(statement.actions), ResourceArns=resources
        )
        denied += [each for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]
    if not denied:
        yield Finding(about)
    for each in denied:
        on = each.get("EvalResourceName", EVERYTHING)
        what = f"it may not {each['EvalActionName']}" + (f" on {on}" if on != EVERYTHING else "")
        yield Finding(about, BAD, what, _mend(each))


def _mend(result: _Result) -> str:
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "a policy of the organisation forbids it: ask whoever keeps it"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "allow it in the policy that was given as PermissionsBoundary"
    return _ANEW


def _text(value: object, root: str) -> str | None:
    """A resource of a statement as CloudFormation writes it for a machine's stack; None for what only that knows."""
    if isinstance(value, str):
        return value
    assert isinstance(value, Mapping)
    if isinstance(joined := value.get("Fn::Join"), list):
        parts = [_text(each, root) for each in joined[1]]
        return None if None in parts else "".join(map(str, parts))
    if not isinstance(text := value.get("Fn::Sub"), str):
        return None
    _, partition, _, region, account, _, name = root.split(":")
    places = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account, "MachineName": name}
    return _PLACE.sub(lambda found: places.get(found[1], found[0]), text)
