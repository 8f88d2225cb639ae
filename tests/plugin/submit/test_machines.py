"""State machines: deployed by content, started once, refused where they are not the DAG's."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from ductwork.contracts import names
from ductwork_airflow.embedded_aws.services import ROLE_ARN
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import state_machine
from ductwork_airflow.submit.document_diff import digest, first_difference
from remote_runs import PACE, TABLE, Clients, Killed, Remote

ONE = "job('a') >> job('b')"


def test_a_run_ends_and_tells_so(remote: Remote) -> None:
    handle = remote.run("machine_ends", ONE + " >> EmptyOperator(task_id='e')", "stepfunctions")
    assert remote.states(handle) == {"a": ("success", 1), "b": ("success", 1), "e": ("success", 1)}
    assert remote.run_item(handle)["state"] == "success"


def test_starting_twice_is_one_execution(remote: Remote) -> None:
    artefact, request = remote.compile("twice", ONE, "stepfunctions"), remote.request("twice")
    first = remote.submit(artefact, "stepfunctions", request)
    assert remote.submit(artefact, "stepfunctions", request) == first
    remote.watch(first)
    assert remote.submit(artefact, "stepfunctions", request) == first  # closed by now
    assert len(remote.executions(first)) == 1


def test_the_same_run_with_other_values_is_refused(remote: Remote) -> None:
    artefact = remote.compile("other_values", ONE, "stepfunctions")
    handle = remote.submit(artefact, "stepfunctions", remote.request("other_values", conf={"n": 1}))
    with pytest.raises(lifecycle.SubmissionError, match=r"\$\.conf\.n is 1, not 2"):
        remote.submit(artefact, "stepfunctions", remote.request("other_values", conf={"n": 2}))
    remote.watch(handle)


_DIGITS = {"since_us": 1764437493415123, "id": 1234567890123456789, "x": 0.1234567890123456}


def test_the_conf_arrives_digit_by_digit(remote: Remote) -> None:
    """In the first execution and in that of a restart; an earlier version's holds the conf as an object."""
    artefact = remote.compile("digits", "job('a', 'false')", "stepfunctions")
    handle = remote.submit(artefact, "stepfunctions", remote.request("digits", conf=_DIGITS))
    assert remote.watch(handle).state == "failed"
    again = lifecycle.restart(remote.clients, handle)
    assert remote.watch(again).state == "failed"
    arns = [execution["executionArn"] for execution in remote.executions(handle)]
    inputs = [remote.sfn.describe_execution(executionArn=arn)["input"] for arn in arns]
    assert [json.loads(json.loads(text)["conf"]) for text in inputs] == [_DIGITS, _DIGITS]
    assert json.loads(remote.run_item(handle)["conf"]) == _DIGITS
    old = remote.request("digits", "old", conf={"n": 1})
    values = {**json.loads(old.execution_input()), "conf": {"n": 1}}
    arn = state_machine.machine_of(handle.execution_arn or "")
    started = state_machine.start_named(
        remote.sfn, arn, names.execution_name("digits", "old"), json.dumps(values, sort_keys=True)
    )
    assert remote.submit(artefact, "stepfunctions", old).execution_arn == started
    remote.watch(handle)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"conf": _DIGITS}, "a number in conf has more digits than a state machine keeps: give conf as JSON text"),
        ({"conf": "[1]"}, "conf must be an object, or the JSON text of one"),
        ({"conf": '{"n": '}, "conf must be an object, or the JSON text of one"),
        ({"logical_date": "yesterday"}, "logical_date must be a date or a time of ISO 8601"),
    ],
    ids=["digits", "no object", "no JSON", "no date"],
)
def test_an_execution_that_somebody_starts_with_what_cannot_be_taken(
    remote: Remote, given: dict[str, object], cause: str
) -> None:
    handle = remote.run("by_hand", "job('a')", "stepfunctions")
    arn, before = state_machine.machine_of(handle.execution_arn or ""), len(remote.jobs("by_hand-a"))
    name = f"hand-{digest(given)[:12]}"
    started = state_machine.start_named(remote.sfn, arn, name, json.dumps({"run_id": name, **given}))
    by_hand = lifecycle.RunHandle("by_hand", name, "stepfunctions", TABLE, started)
    assert "Ductwork.InputRefused: " + cause in (remote.watch(by_hand).error or "")
    assert remote.run_item(by_hand)["state"] == "failed"
    assert len(remote.jobs("by_hand-a")) == before


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(
    "operation", ["create_state_machine", "publish_state_machine_version", "start_execution", "describe_execution"]
)
def test_a_process_that_dies_while_starting(remote: Remote, where: str, operation: str) -> None:
    dag_id = f"dies_{where}_{operation}"

    def die(called: str) -> None:
        if called == operation:
            raise Killed

    artefact, request = remote.compile(dag_id, ONE, "stepfunctions"), remote.request(dag_id)
    with pytest.raises(Killed):
        remote.submit(artefact, "stepfunctions", request, Clients(remote.aws, **{where: die}))
    handle = remote.submit(artefact, "stepfunctions", request)
    assert remote.watch(handle).state == "success"
    assert len(remote.executions(handle)) == 1
    assert len(remote.jobs("a")) >= 1


def test_an_update_happens_only_where_the_definition_differs(remote: Remote) -> None:
    clients = Clients(remote.aws)
    first, second = (remote.compile("updated", body, "stepfunctions") for body in (ONE, "job('c')"))
    for number, artefact in enumerate((first, first, second, second)):
        remote.watch(remote.submit(artefact, "stepfunctions", remote.request("updated", f"r{number}"), clients))
    assert (clients.calls["create_state_machine"], clients.calls["update_state_machine"]) == (1, 1)
    arn = state_machine.arn_of(remote.sfn, "updated", ROLE_ARN)
    tags = {tag["key"]: tag["value"] for tag in remote.sfn.list_tags_for_resource(resourceArn=arn)["tags"]}
    assert tags[state_machine.DEFINITION_TAG] == digest(second)
    ran = [set(remote.ledger.run("updated", f"r{number}")["tasks"]) for number in range(4)]
    assert ran == [{"a", "b"}, {"a", "b"}, {"c"}, {"c"}]


def test_a_run_uses_the_definition_it_was_submitted_with(remote: Remote) -> None:
    """Somebody updates the machine between the update and the start: the version is what counts."""
    mine, other = (remote.compile("overtaken", body, "stepfunctions") for body in ("job('mine')", "job('other')"))

    def overtake(called: str) -> None:
        if called == "start_execution":
            remote.sfn.update_state_machine(
                stateMachineArn=state_machine.arn_of(remote.sfn, "overtaken", ROLE_ARN), definition=json.dumps(other)
            )

    handle = remote.submit(mine, "stepfunctions", remote.request("overtaken"), Clients(remote.aws, before=overtake))
    remote.watch(handle)
    assert set(remote.states(handle)) == {"mine"}


def test_a_race_to_create_is_looked_at_again(remote: Remote) -> None:
    raced = []

    def race(called: str) -> None:
        if called == "create_state_machine" and not raced:
            raced.append(called)
            raise ClientError({"Error": {"Code": "StateMachineAlreadyExists", "Message": "x"}}, "CreateStateMachine")

    artefact = remote.compile("raced", ONE, "stepfunctions")
    handle = remote.submit(artefact, "stepfunctions", remote.request("raced"), Clients(remote.aws, before=race))
    assert remote.watch(handle).state == "success"


def test_a_machine_of_somebody_else_must_be_the_dags(remote: Remote) -> None:
    mine, other = (remote.compile("foreign", body, "stepfunctions") for body in (ONE, "job('a') >> job('z')"))
    arn = remote.sfn.create_state_machine(
        name=names.state_machine_name("foreign"), definition=json.dumps(other), roleArn=ROLE_ARN
    )["stateMachineArn"]

    def submit(artefact: object, machine: str | None) -> object:
        return lifecycle.submit(
            remote.clients, artefact, "stepfunctions", remote.request("foreign"), ledger_table=TABLE,
            state_machine_arn=machine, pace=PACE,
        )  # fmt: skip

    with pytest.raises(lifecycle.SubmissionError, match=r"is not the one this DAG compiles to: \$\.States\."):
        submit(mine, arn)
    with pytest.raises(lifecycle.SubmissionError, match="there is no state machine"):
        submit(mine, arn + "-no")
    with pytest.raises(lifecycle.SubmissionError, match="pass role_arn"):
        submit(mine, None)
    handle = submit(other, arn)
    assert remote.watch(handle).state == "success"
    assert submit({}, arn) == handle


def test_open_places_and_a_missing_ledger_are_named(remote: Remote) -> None:
    open_places = {"States": {"A": {"Arguments": {"JobQueue": "${JobQueue}", "Command": "echo ${HOME}"}}}}
    with pytest.raises(lifecycle.SubmissionError, match=r"leaves \$\{JobQueue\} open"):
        remote.submit(open_places, "stepfunctions", remote.request("open"))
    with pytest.raises(lifecycle.SubmissionError, match="table 'nowhere' does not exist"):
        lifecycle.submit(remote.clients, {}, "batch", remote.request("open"), ledger_table="nowhere")


@pytest.mark.parametrize(
    ("wanted", "found", "where"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, None),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "$.a[1].b is 3, not 2"),
        ({"a": 1}, {}, "$.a is missing"),
        ({}, {"a": 1}, "$.a is not expected"),
        ({"a": [1]}, {"a": []}, "$.a has 0 elements, not 1"),
        ({"a": True}, {"a": 1}, "$.a is 1, not true"),
    ],
)
def test_first_difference(wanted: object, found: object, where: str | None) -> None:
    assert first_difference(wanted, found) == where


def test_names_of_restarts_are_legal_and_told_apart() -> None:
    long = [state_machine.restart_name("d", "r" * 200, number) for number in (0, 1, 12)]
    assert len(set(long)) == 3
    assert all(len(name) <= 80 for name in long)
    prefix = "arn:aws:states:eu-west-1:1:execution:m:"
    assert [state_machine.restarts(prefix + name) for name in long] == [0, 1, 12]
