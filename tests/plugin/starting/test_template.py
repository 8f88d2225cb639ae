"""The template as CloudFormation takes it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cli_process import ductwork
from ductwork.cloudformation.starting.template import PARTS, template

MACHINES = {
    "daily": "arn:aws:states:eu-west-1:123456789012:stateMachine:daily",
    "it's": "arn:aws:states:eu-west-1:123456789012:stateMachine:its",
}


@pytest.mark.parametrize(
    ("parts", "auth"), [(PARTS, "iam"), (("api",), "api-key"), (("table",), "iam"), (("notices",), "iam")]
)
def test_cfn_lint_has_nothing_to_say(parts: Any, auth: Any) -> None:
    made = template(MACHINES, frozenset(parts), auth)
    assert [str(match) for match in lint(json.dumps(made), config=ManualArgs(regions=["eu-west-1"]))] == []


def test_every_place_of_a_definition_is_filled() -> None:
    made: Any = template(MACHINES)
    for name, resource in made["Resources"].items():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            properties = resource["Properties"]
            used = set(re.findall(r"\$\{(\w+)\}", properties["DefinitionString"]))
            assert used <= properties["DefinitionSubstitutions"].keys(), name


def test_all_resources_are_named_only_where_aws_has_nothing_finer() -> None:
    made: Any = template(MACHINES)
    wide = [
        action
        for resource in made["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Resource"] == ["*"]
        for action in statement["Action"]
    ]
    assert sorted(set(wide)) == ["batch:DescribeJobs", "batch:ListJobs", "ecr:GetAuthorizationToken"]
    assert "lambda" not in json.dumps(made).lower()


def test_a_changed_api_has_another_deployment() -> None:
    def deployment(auth: Any) -> str:
        made: Any = template(MACHINES, frozenset({"api"}), auth)
        (found,) = [name for name, each in made["Resources"].items() if each["Type"] == "AWS::ApiGateway::Deployment"]
        return str(found)

    assert deployment("iam") == deployment("iam") != deployment("api-key")


def test_the_command_prints_it() -> None:
    arn = MACHINES["daily"]
    ended = ductwork("requests", f"daily={arn}", "--part", "notices")
    assert (ended.code, json.loads(ended.out)) == (0, template({"daily": arn}, frozenset({"notices"})))
    wrong = ductwork("requests", "daily")
    assert (wrong.code, "DAG_ID=STATE_MACHINE_ARN" in wrong.err) == (2, True)
