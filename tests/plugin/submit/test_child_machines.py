"""A root machine with child machines: what a root needs is there before the root, once, whoever dies in between."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts import machine_bundle
from ductwork.contracts.ledger import manifest_pk, manifest_sk, run_pk
from ductwork.contracts.stepfunctions_limits import MACHINE_NAME_LIMIT
from ductwork_airflow.embedded_aws.services import ROLE_ARN
from ductwork_airflow.ledger import Ledger, LedgerError, expiry
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import state_machine
from machine_parts import Child, bundle
from remote_runs import PACE, TABLE, Clients, Killed, Remote

DAY = 86_400


def nested(dag_id: str, **commands: str) -> machine_bundle.MachineBundle:
    """A root with two branches; the first has a child, with a child of its own."""

    def task(task_id: str) -> tuple[str, str]:
        return task_id, commands.get(task_id, "true")

    inner = Child([task("c"), task("d")])
    return bundle(dag_id, [task("a"), Child([task("b"), inner]), task("e")], [Child([task("x"), task("y")])])


def deploy(remote: Remote, dag_id: str, document: Any, clients: Any = None) -> str:
    return lifecycle.deploy(clients or remote.clients, document, dag_id, ledger_table=TABLE, role_arn=ROLE_ARN)


def machines(remote: Remote, dag_id: str) -> set[str]:
    pages = remote.sfn.get_paginator("list_state_machines").paginate()
    names = [machine["name"] for page in pages for machine in page["stateMachines"]]
    return {name for name in names if name == dag_id or name.startswith(f"{dag_id}-")}


def manifest_items(remote: Remote, dag_id: str) -> list[dict[str, Any]]:
    return list(remote.ledger.between(manifest_pk(dag_id), "0", "g"))


def test_a_run_of_several_machines(remote: Remote) -> None:
    document = nested("parts_run")
    handle = remote.submit(document, "stepfunctions", remote.request("parts_run"))
    progress = remote.watch(handle)
    assert (progress.state, progress.counts) == ("success", {"success": 7})
    assert remote.states(handle) == dict.fromkeys("abcdexy", ("success", 1))
    run = remote.run_item(handle)
    assert run["tasks"] == document["manifest"]["tasks"]
    assert "tasks" not in (remote.ledger.get(run_pk("parts_run", "r"), "run") or {})
    assert machines(remote, "parts_run") == {"parts_run", *(f"parts_run-{name}" for name in document["parts"])}
    assert [found["tasks"] for found in remote.ledger.runs("parts_run")] == [run["tasks"]]
    # The same again starts nothing.
    assert remote.submit(document, "stepfunctions", remote.request("parts_run")) == handle
    assert len(remote.executions(handle)) == 1


def test_deploying_again_changes_nothing(remote: Remote) -> None:
    clients, document = Clients(remote.aws), nested("parts_again")
    first = deploy(remote, "parts_again", document, clients)
    made = Counter(clients.calls)
    assert made["create_state_machine"] == 4
    assert made["publish_state_machine_version"] == 1  # a child's name is its version
    assert deploy(remote, "parts_again", document, clients) == first
    changed = clients.calls - made
    assert {name for name in changed if not name.startswith(("describe_", "publish_"))} == {"query"}


def test_what_is_deployed_never_changes(remote: Remote) -> None:
    """A change in a child's child is another child, another child of that, and the root's; the third stays."""
    before, after = nested("parts_changed"), nested("parts_changed", d="exit 0")
    deploy(remote, "parts_changed", before)
    clients = Clients(remote.aws)
    deploy(remote, "parts_changed", after, clients)
    assert (clients.calls["create_state_machine"], clients.calls["update_state_machine"]) == (2, 1)
    both = before["parts"].keys() | after["parts"].keys()
    assert len(both) == 5
    assert machines(remote, "parts_changed") == {"parts_changed", *(f"parts_changed-{name}" for name in both)}


def test_places_that_are_filled_later_make_other_machines(remote: Remote) -> None:
    text = json.dumps(nested("parts_places")).replace('"remote-queue"', '"${JobQueue}"')
    document, arns = json.loads(text), []
    for queue in ("remote-queue", "another-queue"):
        arns.append(
            lifecycle.deploy(
                remote.clients, document, "parts_places", ledger_table=TABLE, role_arn=ROLE_ARN,
                places={"JobQueue": queue},
            )
        )  # fmt: skip
    assert arns[0] != arns[1]
    assert len(machines(remote, "parts_places")) == 1 + 2 * len(document["parts"])
    for arn, queue in zip(arns, ("remote-queue", "another-queue"), strict=True):
        root = json.loads(remote.sfn.describe_state_machine(stateMachineArn=arn)["definition"])
        for name in machine_bundle.children(root):
            child = remote.sfn.describe_state_machine(stateMachineArn=f"{arn.rpartition(':')[0]}-{name}")
            assert queue in child["definition"]


_WRITES = [(operation, number) for operation, most in (
    ("create_state_machine", 4), ("put_item", 1), ("publish_state_machine_version", 1), ("start_execution", 1)
) for number in range(1, most + 1)]  # fmt: skip


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(("operation", "number"), _WRITES)
def test_a_process_that_dies_while_deploying(remote: Remote, where: str, operation: str, number: int) -> None:
    """At each write, before or after its effect. Nobody finds a root that lacks anything, and the next goes on."""
    dag_id = f"parts_dies_{where[0]}{operation[:2]}{number}"
    seen = Counter[str]()

    def die(called: str) -> None:
        seen[called] += 1
        if called == operation and seen[called] == number:
            raise Killed

    document, request = nested(dag_id), remote.request(dag_id)
    with pytest.raises(Killed):
        remote.submit(document, "stepfunctions", request, Clients(remote.aws, **{where: die}))
    there = machines(remote, dag_id)
    if dag_id in there:
        assert len(there) == 4
        assert len(manifest_items(remote, dag_id)) == 1
    handle = remote.submit(document, "stepfunctions", request)
    assert remote.watch(handle).state == "success"
    assert len(remote.executions(handle)) == 1
    assert len(machines(remote, dag_id)) == 4


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("operation", ["create_state_machine", "update_state_machine", "start_execution"])
def test_a_process_that_dies_while_deploying_a_change(
    remote: Remote, tmp_path: Path, where: str, operation: str
) -> None:
    """While a run of what was deployed before goes on: that ends by its own children, and the change is there once."""
    dag_id, gate = f"parts_again_{where[0]}{operation[:2]}", tmp_path / "gate"
    before = nested(dag_id, b=f"while ! test -e {gate}; do sleep 0.1; done", d="echo before")
    after = nested(dag_id, d="echo after")
    going_on = remote.submit(before, "stepfunctions", remote.request(dag_id, "going_on"))

    def die(called: str) -> None:
        if called == operation:
            raise Killed

    with pytest.raises(Killed):
        remote.submit(after, "stepfunctions", remote.request(dag_id, "r"), Clients(remote.aws, **{where: die}))
    handle = remote.submit(after, "stepfunctions", remote.request(dag_id, "r"))
    assert remote.watch(handle).state == "success"
    gate.touch()
    assert remote.watch(going_on).state == "success"
    assert remote.states(going_on) == remote.states(handle) == dict.fromkeys("abcdexy", ("success", 1))
    assert sorted(each["status"] for each in remote.executions(handle)) == ["SUCCEEDED", "SUCCEEDED"]
    assert machines(remote, dag_id) == {
        dag_id, *(f"{dag_id}-{name}" for name in before["parts"].keys() | after["parts"].keys())
    }  # fmt: skip


def test_a_manifest_lives_as_long_as_somebody_may_need_it(remote: Remote) -> None:
    dag_id, document = "parts_expiry", nested("parts_expiry")

    def expiries() -> set[Any]:
        return {item.get("expires_at") for item in manifest_items(remote, dag_id)}

    remote.submit(document, "stepfunctions", remote.request(dag_id))
    (first,) = expiries()
    assert abs(first - expiry()) < 100
    key = (manifest_pk(dag_id), manifest_sk(document["manifest"]["id"], 0))
    remote.ledger.update(*key, {"expires_at": first - 2 * DAY})
    handle = remote.submit(document, "stepfunctions", remote.request(dag_id, "r2"))
    assert abs(expiries().pop() - expiry()) < 100
    # A restart needs it as long as a new run.
    remote.watch(handle)
    remote.ledger.update(*key, {"expires_at": first - 2 * DAY})
    remote.watch(lifecycle.restart(remote.clients, handle, ["e"]))
    assert abs(expiries().pop() - expiry()) < 100
    # Of what is deployed for others to start it lasts, whoever submits a run besides.
    deploy(remote, dag_id, document)
    assert expiries() == {None}
    remote.watch(remote.submit(document, "stepfunctions", remote.request(dag_id, "r3")))
    assert expiries() == {None}


def test_a_process_reads_a_manifest_once(remote: Remote) -> None:
    clients, document = Clients(remote.aws), nested("parts_once", e="echo once")
    handle = remote.submit(document, "stepfunctions", remote.request("parts_once"))
    remote.watch(handle)
    ledger = Ledger(TABLE, clients.client("dynamodb"))
    assert [len((ledger.run("parts_once", "r") or {})["tasks"]) for _ in range(3)] == [7, 7, 7]
    assert (clients.calls["get_item"], clients.calls["query"]) <= (3, 1)


def test_a_run_whose_manifest_is_missing_says_so(remote: Remote) -> None:
    remote.ledger.start_run("parts_missing", "r", manifest="0123456789abcdef")
    with pytest.raises(LedgerError, match="the manifest 0123456789abcdef of DAG 'parts_missing'.*'remote-runs'"):
        remote.ledger.run("parts_missing", "r")


def test_machines_of_somebody_else_must_be_the_dags(remote: Remote) -> None:
    """The root and each child; only what its tasks are is written here."""
    dag_id, document = "parts_foreign", nested("parts_foreign")
    root = state_machine.arn_of(remote.sfn, "other-name", ROLE_ARN)

    def create(arn: str, definition: Any) -> None:
        remote.sfn.create_state_machine(
            name=arn.rpartition(":")[2], definition=json.dumps(definition), roleArn=ROLE_ARN
        )

    def submit(run_id: str = "r") -> lifecycle.RunHandle:
        return lifecycle.submit(
            remote.clients, document, "stepfunctions", remote.request(dag_id, run_id), ledger_table=TABLE,
            state_machine_arn=root, pace=PACE,
        )  # fmt: skip

    create(root, document["definition"])
    for name, definition in document["parts"].items():
        with pytest.raises(lifecycle.SubmissionError, match=f"there is no state machine .*other-name-{name}"):
            submit()
        create(f"{root}-{name}", definition)
    assert manifest_items(remote, dag_id) == []
    assert remote.watch(submit()).state == "success"
    remote.sfn.update_state_machine(stateMachineArn=f"{root}-{name}", definition=json.dumps(nested("x")["definition"]))
    with pytest.raises(lifecycle.SubmissionError, match=f"other-name-{name} is not the one this DAG compiles to"):
        submit("r2")


def test_names_are_never_too_long(remote: Remote) -> None:
    dag_id = "parts_" + "n" * 100
    document = nested(dag_id)
    arn = deploy(remote, dag_id, document)
    root = arn.split(":")[6]
    assert len(root) == machine_bundle.ROOT_NAME_LIMIT
    assert max(map(len, machines(remote, root))) <= MACHINE_NAME_LIMIT
    long = ":".join([*arn.split(":")[:6], "n" * 70])
    with pytest.raises(lifecycle.SubmissionError, match="name the root with 66 characters at the most"):
        lifecycle.submit(
            remote.clients,
            document,
            "stepfunctions",
            remote.request(dag_id),
            ledger_table=TABLE,
            state_machine_arn=long,
        )


def test_a_document_of_another_version_is_refused(remote: Remote) -> None:
    document: Any = {**copy.deepcopy(nested("parts_future")), "ductwork": "machines/2"}
    with pytest.raises(lifecycle.SubmissionError, match="its form is 'machines/2'.*Compile the DAG again"):
        remote.submit(document, "stepfunctions", remote.request("parts_future"))
    assert machines(remote, "parts_future") == set()


def test_a_restart_keeps_what_ended_well_in_all_machines(remote: Remote, tmp_path: Any) -> None:
    once = f"test -e {tmp_path}/f || (touch {tmp_path}/f; false)"
    handle = remote.submit(nested("parts_restart", d=once), "stepfunctions", remote.request("parts_restart"))
    assert remote.watch(handle).state == "failed"
    assert remote.states(handle)["d"] == ("failed", 1)
    assert remote.states(handle)["e"][0] == "upstream_failed"
    again = lifecycle.restart(remote.clients, handle)
    assert again.execution_arn != handle.execution_arn
    assert remote.watch(again).state == "success"
    states = remote.states(again)
    assert {task: state for task, (state, _) in states.items()} == dict.fromkeys("abcdexy", "success")
    # It is in the try of the restart; the others have run once.
    assert [states[task][1] for task in "abcdxy"] == [1, 1, 1, 2, 1, 1]


def test_a_restart_of_machines_that_cannot_pass_over_anything_is_refused(remote: Remote) -> None:
    """The guards are in the children alone."""
    document = json.loads(json.dumps(nested("parts_unguarded", d="false")).replace("$run.done", "$run.none"))
    handle = remote.submit(document, "stepfunctions", remote.request("parts_unguarded"))
    assert remote.watch(handle).state == "failed"
    with pytest.raises(lifecycle.SubmissionError, match="was compiled with --no-restart"):
        lifecycle.restart(remote.clients, handle)
    assert remote.run_item(handle)["state"] == "failed"


def test_a_restart_whose_input_is_too_large_is_refused_before_anything_changes(remote: Remote) -> None:
    """What it keeps is in its input, which has 256 KiB, less what a child is given besides."""
    facts: Any = {f"t{n}" * 180: {} for n in range(100, 460)} | {"last": {}}
    manifest: Any = {"id": machine_bundle.manifest_id(facts), "tasks": facts}
    remote.ledger.put_manifest("parts_input", manifest, lasting=False)
    document = nested("parts_input")
    definition = json.loads(json.dumps(document["definition"]).replace(document["manifest"]["id"], manifest["id"]))
    arn = deploy(remote, "parts_input", {**document, "definition": definition, "manifest": manifest})
    execution = f"{arn.rpartition(':')[0].replace(':stateMachine:', ':execution:')}:first"
    moment = "2026-01-01T00:00:00+00:00"
    dates = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end"), moment)
    remote.ledger.start_run(
        "parts_input", "r", **dates, run_type="manual", manifest=manifest["id"], target="stepfunctions",
        execution_arn=execution,
    )  # fmt: skip
    for task in facts:
        remote.ledger.record_task("parts_input", "r", task, "failed" if task == "last" else "success", 1)
    remote.ledger.update(run_pk("parts_input", "r"), "run", {"state": "failed", "ended_at": moment})
    before = remote.ledger.get(run_pk("parts_input", "r"), "run")
    handle = lifecycle.RunHandle("parts_input", "r", "stepfunctions", TABLE)
    with pytest.raises(
        lifecycle.SubmissionError, match="keeps 360 tasks takes an input of 26.,... bytes.*253,952.*--task"
    ):
        lifecycle.restart(remote.clients, handle)
    assert remote.ledger.get(run_pk("parts_input", "r"), "run") == before
