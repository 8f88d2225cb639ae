"""Children that earlier deployments have left: only those go that nothing needs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ductwork_airflow.embedded_aws.services import ROLE_ARN
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import old_children
from machine_parts import Child, bundle
from remote_runs import TABLE, Clients, Remote
from waiting import until

DAY = timedelta(days=1)


def made(dag_id: str, *commands: str) -> Any:
    """A root with a child, that has a child of its own: ``(outer, inner)`` are their commands."""
    outer, inner = commands
    return bundle(dag_id, [("a", "true"), Child([("b", outer), Child([("c", inner)]), ("d", "true")])])


def deploy(remote: Remote, dag_id: str, document: Any, clients: Any = None) -> str:
    return lifecycle.deploy(clients or remote.clients, document, dag_id, ledger_table=TABLE, role_arn=ROLE_ARN)


def there(remote: Remote, dag_id: str) -> set[str]:
    pages = remote.sfn.get_paginator("list_state_machines").paginate()
    names = [machine["name"] for page in pages for machine in page["stateMachines"]]
    return {name.removeprefix(f"{dag_id}-") for name in names if name.startswith(f"{dag_id}-")}


def prune(remote: Remote, dag_id: str, clients: Any = None, now: datetime | None = None) -> set[str]:
    """The suffixes of the children that were deleted; by default of all that are not needed."""
    client = (clients or remote.clients).client("stepfunctions")
    later = datetime.now(timezone.utc) + 2 * DAY
    gone = old_children.delete(client, dag_id, old_children.find(client, dag_id, now or later).unused)
    return {arn.rpartition(f":{dag_id}-")[2] for arn in gone}


def suffixes(*documents: Any) -> set[str]:
    return {name for document in documents for name in document["parts"]}


def test_what_no_deployment_of_the_last_day_needs_is_deleted(remote: Remote) -> None:
    dag_id = "old_deployed"
    first, second, third = (
        made(dag_id, "true", "true"),
        made(dag_id, "exit 0", "true"),
        made(dag_id, "exit 0", "exit 0"),
    )
    deploy(remote, dag_id, first)
    deploy(remote, dag_id, second)
    moment = datetime.now(timezone.utc)
    deploy(remote, dag_id, third)
    # Also what somebody else has called so.
    other = json.dumps({"StartAt": "Other", "States": {"Other": {"Type": "Succeed"}}})
    for name in ("7-01234567", "more"):
        remote.sfn.create_state_machine(name=f"{dag_id}-{name}", definition=other, roleArn=ROLE_ARN)
    assert prune(remote, dag_id, now=datetime.now(timezone.utc)) == set()
    # The second was the deployed one within the last day.
    assert prune(remote, dag_id, now=moment + DAY) == suffixes(first) - suffixes(second, third)
    assert prune(remote, dag_id) == suffixes(second) - suffixes(third)
    assert there(remote, dag_id) == suffixes(third) | {"7-01234567", "more"}
    handle = remote.submit(third, "stepfunctions", remote.request(dag_id))
    assert remote.watch(handle).state == "success"


def test_a_run_keeps_the_children_that_it_has_not_started_yet(remote: Remote, tmp_path: Path) -> None:
    dag_id, gate = "old_running", tmp_path / "gate"
    first = made(dag_id, f"while ! test -e {gate}; do sleep 0.1; done", "true")
    handle = remote.submit(first, "stepfunctions", remote.request(dag_id))
    for command in ("true", "exit 0"):
        last = made(dag_id, command, command)
        deploy(remote, dag_id, last)
    found = prune(remote, dag_id)
    assert not found & suffixes(first)
    gate.touch()
    assert remote.watch(handle).state == "success"
    assert remote.states(handle) == dict.fromkeys("abcd", ("success", 1))
    until(lambda: prune(remote, dag_id) >= suffixes(first) - suffixes(last))
    # A restart goes by what is deployed now.
    again = lifecycle.restart(remote.clients, handle, ["c"])
    assert remote.watch(again).state == "success"


def test_what_an_alias_starts_is_kept(remote: Remote) -> None:
    dag_id = "old_alias"
    first, last = made(dag_id, "true", "true"), made(dag_id, "exit 0", "exit 0")
    version = deploy(remote, dag_id, first)
    deploy(remote, dag_id, last)
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = remote.sfn.create_state_machine_alias(name="nightly", routingConfiguration=routing)["stateMachineAliasArn"]
    assert prune(remote, dag_id) == set()
    remote.sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert prune(remote, dag_id) == suffixes(first) - suffixes(last)


@pytest.mark.parametrize("operation", ["delete_state_machine", "list_state_machines"])
def test_a_deployment_comes_back_to_old_children_while_they_are_deleted(remote: Remote, operation: str) -> None:
    """Before the deletion, which finds out at its end; and before the children of the root are looked at."""
    dag_id = f"old_back_{operation[:3]}"
    first, last = made(dag_id, "true", "true"), made(dag_id, "exit 0", "exit 0")
    deploy(remote, dag_id, first)
    deploy(remote, dag_id, last)
    todo = [operation]

    def come_back(called: str) -> None:
        if called in todo:
            todo.remove(called)
            deploy(remote, dag_id, first)

    gone = prune(remote, dag_id, Clients(remote.aws, before=come_back))
    assert not todo
    assert not gone & suffixes(first)
    assert there(remote, dag_id) >= suffixes(first)
    handle = remote.submit(first, "stepfunctions", remote.request(dag_id))
    assert remote.watch(handle).state == "success"


def test_old_children_are_deleted_while_a_deployment_comes_back_to_them(remote: Remote) -> None:
    """It has looked at them, and its root is not there yet."""
    dag_id = "old_looked_at"
    first, last = made(dag_id, "true", "true"), made(dag_id, "exit 0", "exit 0")
    deploy(remote, dag_id, first)
    deploy(remote, dag_id, last)
    gone = []

    def delete(called: str) -> None:
        if called == "update_state_machine":
            gone.extend(prune(remote, dag_id))

    deploy(remote, dag_id, first, Clients(remote.aws, before=delete))
    assert set(gone) == suffixes(first) - suffixes(last)
    assert there(remote, dag_id) >= suffixes(first)
    handle = remote.submit(first, "stepfunctions", remote.request(dag_id))
    assert remote.watch(handle).state == "success"
