"""What starts a DAG's runs by events, on an embedded AWS, made of what ``ductwork compile`` writes."""

from __future__ import annotations

import json
from typing import Any

from ductwork.compiler import Artefact
from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.local.provision import PLACES


def deploy_queue(aws: EmbeddedAws, artefact: Artefact, machine: str) -> str:
    """Make the starter, and the rules that start it.

    :param machine: the ARN of the DAG's
    :return: the starter's ARN
    """
    events, says = aws.aws.client("events"), artefact.started_by.documents()
    text = json.dumps(says["starter"]).replace("${StateMachineArn}", machine)
    queue = make_machine(aws, f"{artefact.dag_id}-queue", text)
    rules: Any = says["rules"]
    for rule in rules:
        place = {"EventBusName": rule["EventBusName"]}
        if clock := rule.get("ScheduleExpression"):
            events.put_rule(Name=rule["Name"], ScheduleExpression=clock, **place)
        else:
            pattern = json.dumps(rule["EventPattern"]).replace("${StateMachineArn}", machine)
            events.put_rule(Name=rule["Name"], EventPattern=pattern, **place)
        targets = [{**each, "Arn": queue, "RoleArn": ROLE_ARN} for each in rule["Targets"]]
        events.put_targets(Rule=rule["Name"], Targets=targets, **place)
    return queue


def make_machine(aws: EmbeddedAws, name: str, text: str) -> str:
    """A state machine of a definition with its places filled in; its ARN."""
    for place, value in PLACES.items():
        text = text.replace(f"${{{place}}}", value)
    client = aws.aws.client("stepfunctions")
    return str(client.create_state_machine(name=name, definition=text, roleArn=ROLE_ARN)["stateMachineArn"])
