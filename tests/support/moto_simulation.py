"""What doctor asks that moto does not answer: IAM's simulation, by moto's own reading of policies, and quotas."""

from __future__ import annotations

import ast
import json
from typing import Any
from xml.sax.saxutils import escape

import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from moto.servicequotas.responses import ServiceQuotasResponse


def documents(role: Any) -> list[dict[str, Any]]:
    """Those of a role; moto's CloudFormation keeps Python's text of a policy in the place of JSON."""
    texts = [*role.policies.values(), *(policy.document for policy in role.managed_policies.values())]
    return [text if isinstance(text, dict) else ast.literal_eval(text) for text in texts]


def simulate_principal_policy(self: Any) -> str:
    name = self._get_param("PolicySourceArn").rpartition("/")[2]
    role = iam_backends[self.current_account]["aws"].get_role(name)
    policies = [IAMPolicy(json.dumps(document)) for document in documents(role)]
    made = []
    for action in self._get_param("ActionNames"):
        for resource in self._get_param("ResourceArns") or ["*"]:
            answers = {policy.is_action_permitted(action, resource) for policy in policies}
            decision = "allowed" if PermissionResult.PERMITTED in answers else "implicitDeny"
            made.append(
                f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>"
                f"<EvalResourceName>{escape(resource)}</EvalResourceName></member>"
            )
    return (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{''.join(made)}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )


# As AWS has it in its large Regions.
STARTS: dict[str, Any] = {
    "QuotaName": "StartExecution throttle token bucket size",
    "QuotaCode": "L-12345678",
    "Value": 1300.0,
}


def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let IAM answer SimulatePrincipalPolicy, and Service Quotas ListServiceQuotas."""
    monkeypatch.setattr(
        ServiceQuotasResponse, "list_service_quotas", lambda self: json.dumps({"Quotas": [STARTS]}), raising=False
    )
    monkeypatch.setattr(IamResponse, "simulate_principal_policy", simulate_principal_policy, raising=False)
