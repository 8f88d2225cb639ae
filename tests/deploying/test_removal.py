"""Looking at what is deployed, and taking it away: by the commands, as a user gives them."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import moto_simulation
import pytest
from cli_process import Finished, ductwork
from deployed_account import Account
from ductwork_airflow.ledger import Ledger

DAG = """
from datetime import timedelta
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
with DAG("shown"):
    @task
    def work(): ...
    work()
with DAG("slow"):
    TimeDeltaSensor(task_id="wait", delta=timedelta(hours=1))
"""
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/etl:1"


@pytest.fixture(scope="module")
def command(account: Account) -> Callable[..., Finished]:
    place = ("--region", "us-east-1", "--endpoint-url", account.embedded.endpoint_url)

    def call(*arguments: object) -> Finished:
        environment = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        done = ductwork(*arguments, *place, env=environment)
        assert "Traceback" not in done.err, done.err
        assert "botocore" not in done.err, "what it logs is for nobody here"
        return done

    return call


@pytest.fixture(scope="module")
def deployed(account: Account, command: Callable[..., Finished]) -> Path:
    path = account.folder / "both.py"
    path.write_text(DAG)
    arguments = ["deploy", path, "--image", IMAGE, "--parameter", f"ExistingJobQueueArn={account.queue_arn}"]
    assert command(*arguments, "--dry-run").code == 0
    assert command("diff", *arguments[1:]).code == 1
    done = command(*arguments)
    assert json.loads(done.out) == dict.fromkeys(("ductwork", "ductwork-shown", "ductwork-slow"), "deployed"), done.err
    assert command("diff", *arguments[1:]).code == 0
    # moto's CloudFormation does not.
    setting = {"Enabled": True, "AttributeName": "expires_at"}
    account.plain_client("dynamodb").update_time_to_live(TableName="ductwork", TimeToLiveSpecification=setting)
    return path


def findings(done: Finished) -> dict[str, Any]:
    return {each["about"]: each for each in json.loads(done.out)["findings"]}


def test_the_doctor_names_what_is_missing_and_what_mends_it(account, command, deployed):
    done = command("doctor", "--json")
    assert done.out, done.err
    bad = {about: each["mend"] for about, each in findings(done).items() if each["state"] == "bad"}
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/etl:1"
    assert (done.code, bad) == (
        1,
        {f"image {image}": f"aws ecr create-repository --repository-name etl && docker push {image}"},
    )
    ecr = account.plain_client("ecr")
    ecr.create_repository(repositoryName="etl")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": "sha256:" + "0" * 64}, "layers": []}
    ecr.put_image(repositoryName="etl", imageManifest=json.dumps(manifest), imageTag="1")
    done = command("doctor", "--json")
    assert done.code == 0, done.out
    dynamodb = account.plain_client("dynamodb")
    setting = {"Enabled": False, "AttributeName": "expires_at"}
    dynamodb.update_time_to_live(TableName="ductwork", TimeToLiveSpecification=setting)
    told = command("doctor")
    assert (told.code, "bad      ledger ductwork: nothing in it ever expires" in told.out) == (1, True)
    mend = next(line for line in told.out.splitlines() if "update-time-to-live" in line)
    assert mend.split() == [
        *["aws", "dynamodb", "update-time-to-live", "--table-name", "ductwork", "--time-to-live-specification"],
        "Enabled=true,AttributeName=expires_at",
    ]
    dynamodb.update_time_to_live(TableName="ductwork", TimeToLiveSpecification={**setting, "Enabled": True})
    assert command("doctor").code == 0


def test_the_doctor_asks_for_permissions_architectures_and_quotas(account, command, deployed, monkeypatch):
    resources = account.plain_client("cloudformation").describe_stack_resources(StackName="ductwork-shown")
    ids = {each.get("LogicalResourceId"): each.get("PhysicalResourceId") for each in resources["StackResources"]}
    role, ledger = ids["WorkerRole"], "arn:aws:dynamodb:us-east-1:123456789012:table/ductwork"
    good = {about: each["state"] for about, each in findings(command("doctor", "--json")).items()}
    assert good[f"permissions of {role}"] == good["quota of StartExecution"] == "good"
    # Somebody takes a permission away, the image is for another architecture, and the account is a small one.
    iam, ecr = account.plain_client("iam"), account.plain_client("ecr")
    text = iam.get_role_policy(RoleName=role, PolicyName="ductwork")["PolicyDocument"]
    less = str(text).replace("dynamodb:PutItem", "dynamodb:Scan")
    iam.put_role_policy(RoleName=role, PolicyName="ductwork", PolicyDocument=json.dumps(ast.literal_eval(less)))
    kind = "application/vnd.oci.image.index.v1+json"
    part = {"digest": "sha256:" + "1" * 64, "platform": {"architecture": "arm64", "os": "linux"}}
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": [part]}
    ecr.put_image(repositoryName="etl", imageManifest=json.dumps(index), imageTag="1", imageManifestMediaType=kind)
    monkeypatch.setitem(moto_simulation.STARTS, "Value", 1.0)
    bad = [each for each in findings(command("doctor", "--json")).values() if each["state"] == "bad"]
    iam.put_role_policy(RoleName=role, PolicyName="ductwork", PolicyDocument=json.dumps(ast.literal_eval(str(text))))
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/etl:1"
    assert [(each["about"], each["what"], each["mend"]) for each in bad] == [
        (f"permissions of {role}", f"it may not dynamodb:PutItem on {ledger}", "undeploy the DAG, then deploy it"),
        (
            f"image {image}",
            "it is for arm64, and jobs run on amd64",
            f"docker buildx build --platform linux/amd64 -t {image} --push .",
        ),
        (
            "quota of StartExecution",
            "1 at a moment, and there are 2 state machines",
            "aws service-quotas request-service-quota-increase --service-code states --quota-code L-12345678 "
            "--desired-value 2",
        ),
    ]


def test_without_a_stack_the_doctor_says_what_to_begin_with(command):
    done = command("doctor", "--stack", "none")
    told = "bad      stack none: it is not there\n         ductwork deploy PATH\ngood     job queues\n"
    assert (done.code, done.out) == (1, told)


def test_undeploy_of_a_dag_takes_it_from_what_starts_runs(account, command, deployed):
    """Requests name the DAGs that are left alone, and the ledger forgets what the next run of the DAG would be."""
    queue = f"ExistingJobQueueArn={account.queue_arn}"
    again = ["deploy", deployed, "--image", IMAGE, "--parameter", queue]
    made = command(*again, "--requests", "notices")
    assert made.code == 0, made.err
    assert json.loads(made.out)["ductwork--requests"] == "deployed"
    ledger = Ledger("ductwork", account.plain_client("dynamodb"))
    ledger.put("run_queue#shown", "queue", {"counted": 1})
    ledger.put("run_queue#shown", "event#1", {})
    ledger.put("run_queue#slow", "queue", {"counted": 1})

    def machines() -> str:
        template = account.plain_client("cloudformation").get_template(StackName="ductwork--requests")["TemplateBody"]
        return json.dumps(template)

    assert "stateMachine:shown" in machines()
    undeployed = command("undeploy", "shown")
    assert undeployed.code == 0, undeployed.err
    done = json.loads(undeployed.out)
    assert done == {"ductwork-shown": "deleted", "ductwork--requests": "deployed"}
    assert "stateMachine:shown" not in machines()
    assert "stateMachine:slow" in machines()
    assert [key for prefix in "qe" for key in ledger.sort_keys("run_queue#shown", prefix)] == []
    assert ledger.sort_keys("run_queue#slow", "q") == ["queue"]
    done = json.loads(command("undeploy", "slow").out)
    assert done == {"ductwork-slow": "deleted", "ductwork--requests": "deleted"}
    assert command("undeploy", "slow").code == 1
    assert json.loads(command(*again).out) == {
        "ductwork": "unchanged",
        "ductwork-shown": "deployed",
        "ductwork-slow": "deployed",
    }


def test_undeploy_keeps_the_ledger_and_refuses_while_a_run_goes_on(account, command, deployed):
    states = account.plain_client("stepfunctions")
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:slow"
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    refused = command("undeploy", "--all")
    assert (refused.code, f"{execution} still runs" in refused.err) == (1, True)
    states.stop_execution(executionArn=execution)
    assert command("undeploy", "nowhere").code == 1
    assert json.loads(command("undeploy", "shown").out) == {"ductwork-shown": "deleted"}
    batch = account.plain_client("batch")
    registered = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    assert [each for each in registered if each["jobDefinitionName"].startswith("shown-")] == []
    assert json.loads(command("undeploy", "--all").out) == {"ductwork-slow": "deleted", "ductwork": "deleted"}
    assert states.list_state_machines()["stateMachines"] == []
    assert account.plain_client("dynamodb").list_tables()["TableNames"] == ["ductwork"]


def test_the_next_deployment_uses_the_ledger_that_was_kept(account, command, deployed):
    queue = f"ExistingJobQueueArn={account.queue_arn}"
    arguments = ["deploy", deployed, "--dag-id", "slow", "--parameter", queue, "--image", "image:1"]
    assert command(*arguments).code == 0
    (shared,) = account.plain_client("cloudformation").describe_stacks(StackName="ductwork")["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in shared["Parameters"]}
    assert parameters["UseExistingLedger"] == "true"
    assert command("undeploy", "--all", "--delete-ledger").code == 0
    assert account.plain_client("dynamodb").list_tables()["TableNames"] == []
