"""Child machines that nothing needs any more: found, and deleted.

A child is named by its content, so a DAG that is compiled to others leaves those it had before. Needed are the children
of

* the root as it is deployed, and whatever an alias of it starts;
* its versions that have been the deployed one within :data:`KEPT`: a run that is submitted right now, or whose
  execution AWS does not list yet, is of one of these;
* the definitions that executions of it run by, however old;

and theirs. What has been made within :data:`KEPT` may be for a root that is about to be deployed. A deployment may also
come back to an old child between the look at it and its end: it looks at its children again once the root is there
(``submit.child_machines``), and what a root needs after all is made again here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts import machine_bundle
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.errors import MACHINE_UNKNOWN, code
from ductwork_airflow.submit import state_machine

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ListStateMachineVersionsInputTypeDef, StateMachineListItemTypeDef

KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """What there is of a DAG's child machines.

    :param unused: ARNs of those that nothing needs
    :param kept: how many others there are
    """

    unused: list[str]
    kept: int


def find(client: SFNClient, root: str, now: datetime, kept: timedelta = KEPT) -> Found:
    """The children of a root, told apart. Reads only.

    :param client: a boto3 Step Functions client
    :param root: the root's name
    :param kept: how long what is not needed any more is left alone
    """
    roots, children = _machines(client, root)
    needed = _needed(client, roots, now - kept)
    unused = [
        child["stateMachineArn"]
        for child in children
        if child["stateMachineArn"] not in needed
        and child["creationDate"] < now - kept
        and not any(_running(client, child["stateMachineArn"]))
        and _is_child(client, child["stateMachineArn"])
    ]
    return Found(unused, len(children) - len(unused))


def delete(client: SFNClient, root: str, unused: Iterable[str]) -> list[str]:
    """Delete children that :func:`find` has found. Those that are gone now."""
    gone: dict[str, tuple[JsonObject, str]] = {}
    for arn in unused:
        if (machine := _described(client, arn)) is not None:
            gone[arn] = machine
            client.delete_state_machine(stateMachineArn=arn)
    roots, _ = _machines(client, root)
    # Made again, the innermost first: whoever finds a child may start it.
    for arn in reversed(_closure(client, _definitions(client, roots), dict(gone))):
        if arn in gone:
            state_machine.deploy(client, arn, *gone.pop(arn), versioned=False)
    return list(gone)


def _machines(client: SFNClient, root: str) -> tuple[list[str], list[StateMachineListItemTypeDef]]:
    """The ARN of the root, if it is there, and those that are named as its children are."""
    pages = client.get_paginator("list_state_machines").paginate()
    machines = [machine for page in pages for machine in page["stateMachines"]]
    roots = [machine["stateMachineArn"] for machine in machines if machine["name"] == root]
    return roots, [machine for machine in machines if machine_bundle.is_child_name(machine["name"], root)]


def _needed(client: SFNClient, roots: Iterable[str], since: datetime) -> set[str]:
    starts = list(_definitions(client, roots))
    for root in roots:
        starts += [(root, definition) for definition in _recent(client, root, since)]
        starts += [(root, definition) for definition in _running(client, root)]
    return set(_closure(client, starts, {}))


def _definitions(client: SFNClient, roots: Iterable[str]) -> Iterator[tuple[str, JsonObject]]:
    """Of roots what may be started at any time: with the root's ARN, the definition."""
    for root in roots:
        aliases = client.list_state_machine_aliases(stateMachineArn=root)["stateMachineAliases"]
        named = [
            client.describe_state_machine_alias(stateMachineAliasArn=each["stateMachineAliasArn"]) for each in aliases
        ]
        routed = [each["stateMachineVersionArn"] for alias in named for each in alias["routingConfiguration"]]
        for arn in (root, *routed):
            if (machine := _described(client, arn)) is not None:
                yield root, machine[0]


def _recent(client: SFNClient, root: str, since: datetime) -> Iterator[JsonObject]:
    """The versions of a root that have been the newest since then."""
    request: ListStateMachineVersionsInputTypeDef = {"stateMachineArn": root}
    while True:
        page = client.list_state_machine_versions(**request)
        for version in page["stateMachineVersions"]:
            if (machine := _described(client, version["stateMachineVersionArn"])) is not None:
                yield machine[0]
            if version["creationDate"] < since:
                return
        if "nextToken" not in page:
            return
        request["nextToken"] = page["nextToken"]


def _running(client: SFNClient, arn: str) -> Iterator[JsonObject]:
    """The definitions by which executions of a machine run."""
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter="RUNNING")
    for execution in (each for page in pages for each in page["executions"]):
        arn = execution["executionArn"]
        yield json.loads(client.describe_state_machine_for_execution(executionArn=arn)["definition"])


def _closure(
    client: SFNClient, starts: Iterable[tuple[str, JsonObject]], known: dict[str, tuple[JsonObject, str]]
) -> list[str]:
    """The ARNs of all children of definitions, each after the machine that starts it.

    :param known: definition and role of machines that need not be there
    """
    found: dict[str, None] = {}
    waiting = list(starts)
    while waiting:
        root, definition = waiting.pop(0)
        for arn in (f"{root}-{suffix}" for suffix in machine_bundle.children(definition)):
            if arn not in found and (machine := known.get(arn) or _described(client, arn)) is not None:
                found[arn] = None
                waiting.append((root, machine[0]))
    return list(found)


def _described(client: SFNClient, arn: str) -> tuple[JsonObject, str] | None:
    """The definition and the role of a machine; None if it is not there."""
    try:
        machine = client.describe_state_machine(stateMachineArn=arn)
    except ClientError as error:
        if code(error) == MACHINE_UNKNOWN:
            return None
        raise
    return json.loads(machine["definition"]), machine["roleArn"]


def _is_child(client: SFNClient, arn: str) -> bool:
    """Whether it is a child that we have made, and not somebody else's machine of such a name."""
    machine = _described(client, arn)
    return machine is not None and machine_bundle.is_child(machine[0])
