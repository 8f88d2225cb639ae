"""Least privilege: what a run asks for is allowed, and what is allowed is asked for by some run.

Nothing here enforces policies, so the calls of real runs of deployed machines are recorded where they come in, and
held against the policies of the deployed roles.
"""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import Any

import pytest
from cli_process import ductwork
from deployed_account import PACE, Account
from ductwork.cloudformation.compiling import compile_stacks
from ductwork.compiler import Options
from ductwork_airflow.deploying.change_sets import DEPLOYED
from ductwork_airflow.deploying.deployment import deploy
from ductwork_airflow.deploying.requests_stack import Wish
from moto.iam.access_control import IAMPolicy, PermissionResult
from request_record import AS_CONTROL, CONTROL, MACHINE, WORKER

BUSY = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Variable, task

with DAG("busy", max_active_runs=1):
    @task
    def numbers(prev_start_date_success=None):
        print(prev_start_date_success)
        Variable.set("number", "1")
        return [1, 2]

    @task(outlets=[Asset("s3://bucket/doubled")], pool="slots", executor_config={"ductwork": {"event_bus": "assets"}})
    def double(number):
        Variable.delete("number")
        return 2 * number

    @task(trigger_rule="one_success")
    def early():
        return 0

    @task
    def fails():
        raise ValueError("told to")

    first = numbers()
    doubled = double.expand(number=first)
    [doubled, EmptyOperator(task_id="nothing")] >> early()
    first >> fails()
"""
CHAIN = """
from airflow.sdk import DAG, task

with DAG("chained"):
    @task
    def breaks():
        raise ValueError("told to")

    @task
    def after(): ...

    @task(trigger_rule="all_done")
    def always(): ...

    done = breaks()
    done >> after() >> always()
"""
_DELIVERY = (
    "Step Functions delivers a machine's log itself: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
)
_RULE = "Step Functions keeps the rule by which .sync hears of jobs: .../dg/connect-batch.html"
_LEFT = "of a run of which jobs are left, or lost: plugin/submit/test_machine_chains.py"
# What no call comes in for here, and who makes it on AWS, or which other test does.
UNHEARD = {
    MACHINE: {
        "events:PutTargets": _RULE,
        "events:PutRule": _RULE,
        "events:DescribeRule": _RULE,
        "batch:TerminateJob": "Step Functions ends the jobs of an execution that is stopped: .../dg/connect-batch.html",
        "logs:CreateLogDelivery": _DELIVERY,
        "logs:GetLogDelivery": _DELIVERY,
        "logs:UpdateLogDelivery": _DELIVERY,
        "logs:DeleteLogDelivery": _DELIVERY,
        "logs:ListLogDeliveries": _DELIVERY,
        "logs:PutResourcePolicy": _DELIVERY,
        "logs:DescribeResourcePolicies": _DELIVERY,
        "logs:DescribeLogGroups": _DELIVERY,
        "states:DescribeExecution": "of a limit whose holder has died: functional/test_limits.py",
    },
    WORKER: {"batch:DescribeJobs": _LEFT, "batch:ListJobs": _LEFT, "batch:TerminateJob": _LEFT},
}
ROLES = {MACHINE: "MachineRole", WORKER: "WorkerRole"}
DAGS = {"busy": (BUSY, "states"), "chained": (CHAIN, "batch")}


@pytest.fixture(scope="module")
def ran(account: Account) -> Account:
    """Both DAGs deployed and run once, under the record."""
    account.embedded.ensure_event_bus("assets")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AIRFLOW__DUCTWORK__POOLS", "slots=1")
        for name, (text, engine) in DAGS.items():
            path = account.folder / f"{name}.py"
            path.write_text(text)
            made = compile_stacks([str(path)], Options(engine=engine))
            assert not made.compiled.diagnostics.failed, [str(each) for each in made.compiled.diagnostics]
            account.deploy(made.stacks)
            with account.record.of(name):
                account.run(name)
    return account


def test_the_runs_end_as_their_dags_say(ran):
    states = {}
    for item in ran.items("run#"):
        dag, (kind, *key) = item["pk"]["S"].split("#")[1], item["sk"]["S"].split("#")
        if kind == "task":
            states[(dag, *key)] = item["state"]["S"]
    assert states == {
        ("busy", "numbers", "-1"): "success",
        ("busy", "double", "0"): "success",
        ("busy", "double", "1"): "success",
        ("busy", "nothing", "-1"): "success",
        ("busy", "early", "-1"): "success",
        ("busy", "fails", "-1"): "failed",
        ("chained", "breaks", "-1"): "failed",
        ("chained", "after", "-1"): "upstream_failed",
        ("chained", "always", "-1"): "success",
    }


def test_what_runs_ask_for_is_allowed(ran):
    refused = []
    for each in ran.record.asked:
        if each.who == CONTROL:
            continue
        allowing = [IAMPolicy(json.dumps(document)) for document in policies(ran, each.dag, ROLES[each.who])]
        answers = [policy.is_action_permitted(each.action, each.resource) for policy in allowing]
        if PermissionResult.PERMITTED not in answers:
            refused.append(each)
    assert {each.who for each in ran.record.asked} - {CONTROL} == ROLES.keys()
    assert refused == []


@pytest.mark.parametrize("who", ROLES)
def test_what_is_allowed_some_run_asks_for(ran, who):
    documents = [document for dag in DAGS for document in policies(ran, dag, ROLES[who])]
    allowed = {
        action for document in documents for statement in document["Statement"] for action in statement["Action"]
    }
    heard = {each.action for each in ran.record.asked if each.who == who}
    # Neither more than what is heard or has its reason, nor a reason for what is heard or not allowed.
    assert allowed - heard == UNHEARD[who].keys()


def test_the_control_job_may_do_what_restarting_and_cancelling_take(ran):
    wish = Wish(frozenset({"table"}))
    order = replace(ran.order(), wish=wish)
    assert deploy(ran.aws, [], order, ran.told.append, PACE, dry_run=False)["ductwork--requests"] == DEPLOYED
    (run,) = {item["pk"]["S"].split("#", 2)[2] for item in ran.items("run#busy#")}
    environment = {
        "AWS_ENDPOINT_URL": ran.embedded.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": AS_CONTROL,
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    with ran.record.of("busy"):
        for command in (("restart", "--no-wait"), ("cancel",)):
            done = ductwork(*command, "--", "busy", run, env=environment)
            assert done.code == 0, done.err
    asked = {each for each in ran.record.asked if each.who == CONTROL}
    assert {each.action for each in asked} >= {"states:StartExecution", "states:StopExecution", "dynamodb:UpdateItem"}
    allowing = [IAMPolicy(json.dumps(document)) for document in policies(ran, "-requests", "ControlRole")]
    answers = {each: [policy.is_action_permitted(each.action, each.resource) for policy in allowing] for each in asked}
    assert [each for each, given in answers.items() if PermissionResult.PERMITTED not in given] == []


def policies(account: Account, dag: str, role: str) -> list[Any]:
    """The documents of a deployed role."""
    resources = account.plain_client("cloudformation").describe_stack_resources(StackName=f"ductwork-{dag}")
    (name,) = [
        each["PhysicalResourceId"] for each in resources["StackResources"] if each.get("LogicalResourceId") == role
    ]
    iam = account.plain_client("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in names]
    # moto's CloudFormation keeps Python's text of a policy in the place of JSON.
    return [ast.literal_eval(each) if isinstance(each, str) else each for each in documents]
