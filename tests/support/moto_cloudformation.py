"""moto's CloudFormation, with what its change sets lack: exports between stacks, outputs, machines that it executes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.cloudformation import models
from moto.cloudformation.parsing import OutputMap
from moto.stepfunctions import models as stepfunctions
from moto.stepfunctions.parser.models import stepfunctions_parser_backends


def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stack that a change set makes or updates import from others, and others from it."""
    execute = models.CloudFormationBackend.execute_change_set

    def executed(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
        change = backend.describe_change_set(change_set_name)
        stack = backend.stacks[change.stack_id]
        stack.resource_map.cross_stack_resources = backend.exports
        execute(backend, change_set_name, stack_name)
        stack.template_dict, stack.parameters = change.template_dict, change.parameters
        stack.output_map = OutputMap(stack.resource_map, change.template_dict, stack.stack_id)
        backend.exports.update({export.name: export for export in stack.exports})
        # As AWS does it.
        backend.delete_change_set(change.change_set_id)

    def parsed(change: Any) -> None:
        change.template_dict = json.loads(change.template)

    # The machines that moto executes are in another place than those that its CloudFormation makes.
    monkeypatch.setattr(stepfunctions, "stepfunctions_backends", stepfunctions_parser_backends)
    monkeypatch.setattr(models.CloudFormationBackend, "execute_change_set", executed)
    monkeypatch.setattr(models.ChangeSet, "_parse_template", parsed)
    monkeypatch.setattr(models.Stack, "parse_template", staticmethod(json.loads))
