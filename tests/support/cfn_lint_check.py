"""cfn-lint's own schema of state machines (rule E3601), over a template that holds the machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from asl_requests import SUBSTITUTIONS
from cfnlint.api import lint
from cfnlint.config import ManualArgs


def lint_machines(machines: Sequence[dict[str, Any]]) -> list[list[str]]:
    """What cfn-lint says against each machine: ``E... message (path)``. One call for many is much quicker."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {f"Machine{number}": _resource(machine) for number, machine in enumerate(machines)},
    }
    found: list[list[str]] = [[] for _ in machines]
    for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"], include_checks=["E"])):
        _, name, *rest = match.path
        place = "/".join(map(str, rest))
        found[int(name.removeprefix("Machine"))].append(f"{match.rule.id} {match.message} ({place})")
    return found


def lint_machine(machine: dict[str, Any]) -> list[str]:
    return lint_machines([machine])[0]


def _resource(machine: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(machine)
    for name, value in SUBSTITUTIONS.items():
        text = text.replace(f"${{{name}}}", value)
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/states", "Definition": json.loads(text)}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


def lint_template(text: str) -> list[str]:
    """Everything that cfn-lint says of a template, advice included: ``W... message (path)``."""
    found = lint(text, config=ManualArgs(regions=["us-east-1"], include_checks=["E", "W", "I"]))
    return [f"{match.rule.id} {match.message} ({'/'.join(map(str, match.path))})" for match in found]
