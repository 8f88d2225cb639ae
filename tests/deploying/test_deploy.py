"""Deploying: what is made, what a second time does, and what becomes of it when the command is killed anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cut_dag import cut
from deployed_account import PACE, Account
from ductwork.cloudformation import dag_stack
from ductwork.cloudformation.compiling import compile_stacks
from ductwork.compiler import Options
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.deploying.change_sets import DEPLOYED, UNCHANGED, WOULD_CHANGE
from ductwork_airflow.deploying.deployment import deploy, stack_name
from ductwork_airflow.deploying.requests_stack import Wish
from remote_runs import Killed

ONE = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
with DAG({dag!r}):
    EmptyOperator(task_id="a") >> EmptyOperator(task_id={last!r})
"""
WORKERS = """
from airflow.sdk import DAG, task
with DAG("cut"):
    @task
    def give(number): return number
    @task
    def add(*numbers): return sum(numbers)
    add(give(add(give(1), give(2))), give(3))
"""


def stacks(folder: Path, dag: str, last: str = "b") -> Any:
    path = folder / f"{dag}.py"
    path.write_text(ONE.format(dag=dag, last=last))
    made = compile_stacks([str(path)], Options())
    assert not made.compiled.diagnostics.failed
    return made.stacks


def test_the_same_again_changes_nothing_and_a_change_is_shown_before_it_is_made(account, tmp_path):
    first = stacks(tmp_path, "again")
    assert account.deploy(first, dry_run=True)["ductwork-again"] == WOULD_CHANGE
    assert account.deploy(first)["ductwork-again"] == DEPLOYED
    assert account.run("again")["status"] == "SUCCEEDED"
    assert account.deploy(first) == {"ductwork": UNCHANGED, "ductwork-again": UNCHANGED}
    changed = stacks(tmp_path, "again", last="c")
    assert account.deploy(changed, dry_run=True) == {"ductwork": UNCHANGED, "ductwork-again": WOULD_CHANGE}
    assert "  modify  Machine  AWS::StepFunctions::StateMachine" in account.told
    assert account.deploy(first) == {"ductwork": UNCHANGED, "ductwork-again": UNCHANGED}
    assert account.deploy(changed)["ductwork-again"] == DEPLOYED
    account.run("again")
    assert {item["sk"]["S"] for item in account.items("run#again#")} >= {"task#b#-1", "task#c#-1"}


def test_a_parameter_that_is_not_given_again_stays(account, tmp_path):
    made = stacks(tmp_path, "keeping")
    account.deploy(made, LogLevel="FATAL")
    assert account.deploy(stacks(tmp_path, "keeping", last="c"), LogRetentionDays="7")["ductwork-keeping"] == DEPLOYED
    assert values(account, "ductwork-keeping")["LogLevel"] == "FATAL"
    assert values(account, "ductwork-keeping")["LogRetentionDays"] in {7, "7"}


def values(account: Account, stack: str) -> Mapping[str, Any]:
    found = account.plain_client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}


def test_what_starts_runs_from_outside_follows_the_dags_that_are_deployed(account, tmp_path):
    def deployed(made: Any, wish: Wish | None) -> Mapping[str, str]:
        return deploy(account.aws, made, replace(account.order(), wish=wish), account.told.append, PACE, dry_run=False)

    def started() -> set[str]:
        client = account.plain_client("cloudformation")
        text = client.get_template(StackName="ductwork--requests")["TemplateBody"]
        template = text if isinstance(text, Mapping) else json.loads(text)
        arns = template["Resources"]["NoticeRule"]["Properties"]["EventPattern"]["detail"]["stateMachineArn"]
        return {arn.rpartition(":")[2] for arn in arns}

    first = stacks(tmp_path, "outside1")
    assert "ductwork--requests" not in deployed(first, None)
    assert deployed(first, Wish(frozenset({"table", "notices"})))["ductwork--requests"] == DEPLOYED
    assert "outside1" in started()
    assert deployed(first, None)["ductwork--requests"] == UNCHANGED
    assert deployed(stacks(tmp_path, "outside2"), None)["ductwork--requests"] == DEPLOYED
    assert {"outside1", "outside2"} <= started()
    assert values(account, "ductwork--requests")["ControlImage"] == "image:1"
    assert deployed([], Wish(frozenset()))["ductwork--requests"] == "deleted"
    assert "ductwork--requests" not in deployed(first, None)


class Dying:
    """An account's clients, of which one call kills the caller, before or after its effect."""

    def __init__(self, account: Account, at: int, *, after: bool) -> None:
        self._aws, self.left, self._after = account.aws, at, after

    def client(self, service: str) -> Any:
        return Caller(self._aws.client(service), self)

    def call(self, method: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        self.left -= 1
        if self.left == 0 and not self._after:
            raise Killed
        try:
            return method(**arguments)
        finally:
            if self.left == 0:
                raise Killed


class Caller:
    def __init__(self, real: Any, dying: Dying) -> None:
        self._real, self._dying = real, dying

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **arguments: self._dying.call(getattr(self._real, name), arguments)


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_call_it_goes_on(account, tmp_path, after):
    """Whatever was done, the same command again leaves the stack as wanted, and nothing beside it."""
    account.deploy([])
    deaths = 0
    for at in range(1, 40):
        dag = f"killed-{'after' if after else 'before'}-{at}"
        made = stacks(tmp_path, dag)
        try:
            deploy(Dying(account, at, after=after), made, account.order(), lambda line: None, PACE, dry_run=False)
        except Killed:
            deaths += 1
        else:
            break
        account.deploy(made)
        assert account.deploy(made)[f"ductwork-{dag}"] == UNCHANGED
        found = account.plain_client("cloudformation").list_stacks()["StackSummaries"]
        alive = [each["StackStatus"] for each in found if each["StackName"] == f"ductwork-{dag}"]
        assert [status for status in alive if status != "DELETE_COMPLETE"] == ["CREATE_COMPLETE"], (dag, alive)
    assert deaths > 9, deaths


def test_a_dag_of_several_machines(account, tmp_path):
    """Its first state tells the ledger what its tasks are, which its workers ask for."""
    path = account.folder / "cut.py"
    path.write_text(WORKERS)
    stack = dag_stack.of(*cut(path), dag_stack.Further())
    account.deploy([stack])
    assert account.run("cut")["status"] == "SUCCEEDED"
    (kept,) = account.items("manifest#cut")
    assert kept["chunks"] == {"N": "1"}
    (result,) = [item for item in account.items("run#cut#") if item["sk"]["S"].startswith("xcom#add__1#return_value")]
    assert json.loads(result["value"]["S"]) == 6


@pytest.fixture
def refused(account: Account) -> Callable[..., str]:
    def told(made: Any, **parameters: str) -> str:
        with pytest.raises(SubmissionError) as error:
            account.deploy(made, **parameters)
        return str(error.value)

    return told


def test_a_parameter_that_no_stack_has_is_refused_before_anything_is_done(refused, account, tmp_path):
    assert refused(stacks(tmp_path, "odd"), Nope="1").startswith(
        "no stack has a parameter Nope; there are AlarmTopicArn"
    )
    with pytest.raises(ClientError):
        values(account, "ductwork-odd")


def test_what_is_too_large_needs_a_bucket(account, tmp_path):
    path = tmp_path / "wide.py"
    tasks = "\n".join(f"    EmptyOperator(task_id='t{number}')" for number in range(150))
    path.write_text(ONE.format(dag="wide", last="b") + tasks)
    made = compile_stacks([str(path)], Options()).stacks
    order = replace(account.order(), bucket=None)
    with pytest.raises(SubmissionError) as error:
        deploy(account.aws, made, order, account.told.append, PACE, dry_run=False)
    assert str(error.value) == "the template of wide is too large for a request: name a bucket for it, --bucket NAME"
    assert account.deploy(made)["ductwork-wide"] == DEPLOYED
    assert account.run("wide")["status"] == "SUCCEEDED"


def test_the_names_of_stacks_are_legal_and_their_own():
    assert stack_name("ductwork", "nightly") == "ductwork-nightly"
    assert stack_name("ductwork", "a_b") != stack_name("ductwork", "a.b") != stack_name("ductwork", "a-b")
    assert len(stack_name("ductwork" * 12, "x" * 250)) == 128
