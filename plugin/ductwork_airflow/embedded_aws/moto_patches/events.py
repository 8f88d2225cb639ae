"""Patch to moto's EventBridge: rules whose targets are state machines."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Mapping

from ductwork.contracts.json_types import JsonObject
from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.utilities.arns import parse_arn


def patch_targets() -> None:
    """A rule starts executions of the state machines among its targets, unless it is disabled.

    moto raises NotImplementedError for them, so that PutEvents itself fails; its rules act when they are disabled; and
    one that has a schedule and no pattern hears every event.
    """
    send = Rule.send_to_targets

    def sent(self: Rule, event: JsonObject, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.get_pattern():
            return
        machines = [target for target in self.targets if parse_arn(target["Arn"]).service == "states"]
        if not machines:
            send(self, event, transform_input)
            return
        others = copy.copy(self)
        others.targets = [target for target in self.targets if target not in machines]
        send(others, event, transform_input)
        if self.event_pattern.matches_event(event):
            for target in machines:
                _start(target["Arn"], target.get("InputTransformer", {}), event)

    Rule.send_to_targets = sent


def _start(arn: str, transformer: Mapping[str, str], event: JsonObject) -> None:
    """Start an execution with what a target's input transformer makes of an event."""
    given = EventTemplateParser.parse(
        input_template=transformer.get("InputTemplate"),
        input_paths_map=transformer.get("InputPathsMap", {}),
        event=event,
    )
    place = parse_arn(arn)
    backend = stepfunctions_parser_backends[place.account][place.region]
    text = given if isinstance(given, str) else json.dumps(given)
    backend.start_execution(state_machine_arn=arn, name=str(uuid.uuid4()), execution_input=text)
