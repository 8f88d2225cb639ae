"""cfn-lint's own schema of state machines (rule E3601), over a small template that holds the machine."""

from __future__ import annotations

import json
from typing import Any

from asl_requests import SUBSTITUTIONS
from cfnlint.api import lint
from cfnlint.config import ManualArgs


def lint_machine(machine: dict[str, Any]) -> list[str]:
    """What cfn-lint says against the machine: ``E... message (path)``."""
    text = json.dumps(machine)
    for name, value in SUBSTITUTIONS.items():
        text = text.replace(f"${{{name}}}", value)
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/states", "Definition": json.loads(text)}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}},
    }
    found = lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"], include_checks=["E"]))
    return [f"{match.rule.id} {match.message} ({getattr(match, 'path', '')})" for match in found]
