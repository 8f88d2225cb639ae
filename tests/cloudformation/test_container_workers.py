"""What the role of workers may do that submit containers: as much as the DAG's containers need, and no more."""

from __future__ import annotations

import json

import pytest
from code_cases import in_dag
from compiling import write_dag
from ductwork.cloudformation.compiling import compile_stacks
from ductwork.compiler import Options

IMPORT = "from airflow.providers.docker.operators.docker import DockerOperator"
OWN = "{'ductwork': {'job_queue': 'big', 'job_role': 'arn:aws:iam::123456789012:role/mine', 'tags': {'a': 'b'}}}"


def stack(folder, *operators):
    file = write_dag(folder, in_dag(IMPORT, *operators))
    (made,) = compile_stacks([str(file)], Options()).stacks
    return made.template["Resources"]


def allowed(resources, role="WorkerRole"):
    """Resources by action, as text."""
    found = {}
    for name, resource in resources.items():
        if name.startswith(role):
            policies = resource["Properties"].get("Policies") or [resource["Properties"]]
            for statement in (each for policy in policies for each in policy["PolicyDocument"]["Statement"]):
                for action in statement["Action"]:
                    found[action] = found.get(action, "") + json.dumps(statement["Resource"])
    return found


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    return stack(
        tmp_path_factory.mktemp("fixed"), "DockerOperator(task_id='t', image='r/i:1', command='{{ var.value.x }}')"
    )


@pytest.fixture(scope="module")
def varying(tmp_path_factory):
    operator = f"DockerOperator(task_id='t', image='{{{{ var.value.x }}}}', executor_config={OWN})"
    return stack(tmp_path_factory.mktemp("varying"), operator)


def test_a_worker_may_submit_the_definition_of_its_stack_alone(fixed):
    may = allowed(fixed)
    (name,) = {
        json.dumps(each["Properties"]["JobDefinitionName"]["Fn::Sub"]).strip('"').removeprefix("${MachineName}")
        for each in fixed.values()
        if each["Type"] == "AWS::Batch::JobDefinition" and each["Properties"]["ContainerProperties"]["Image"] == "r/i:1"
    }
    assert name in may["batch:SubmitJob"]
    assert "JobQueueArn" in may["batch:SubmitJob"]
    assert "job-definition/ductwork-*" not in may["batch:SubmitJob"]
    assert "/aws/batch/job:log-stream:*" in may["logs:GetLogEvents"]
    assert {"batch:DescribeJobs", "batch:TerminateJob"} <= may.keys()
    assert not {"batch:RegisterJobDefinition", "batch:TagResource", "iam:PassRole"} & may.keys()


def test_a_container_takes_no_role_of_workers(fixed, varying):
    (container,) = (
        each["Properties"]["ContainerProperties"]
        for each in fixed.values()
        if each["Type"] == "AWS::Batch::JobDefinition" and each["Properties"]["ContainerProperties"]["Image"] == "r/i:1"
    )
    assert "JobRoleArn" not in container
    assert '\\"job_role\\"' not in json.dumps(fixed["Machine"])


def test_a_worker_that_registers_definitions_may_do_that(varying):
    may = allowed(varying)
    assert may["batch:RegisterJobDefinition"].count("job-definition/ductwork-*") == 1
    assert "job-definition/ductwork-*" in may["batch:SubmitJob"]
    assert "job-queue/big" in may["batch:SubmitJob"]
    assert "role/mine" in may["iam:PassRole"]
    assert "ExecutionRole" in may["iam:PassRole"]
    assert "batch:TagResource" in may
    # The image may be any of the account's.
    assert "repository/*" in allowed(varying, "ExecutionRole")["ecr:BatchGetImage"]


def test_other_stacks_have_none_of_it(tmp_path):
    may = allowed(stack(tmp_path, "PythonOperator(task_id='t', python_callable=print)"))
    assert not {"batch:SubmitJob", "logs:GetLogEvents"} & may.keys()


_TRIGGER = "from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator"


@pytest.mark.parametrize(
    ("dag_ids", "machines"),
    [
        (["next day", "other"], ["next-day-", "other"]),
        (["other", "{{ params.other }}"], ["*"]),
    ],
)
def test_a_worker_may_start_the_machines_that_the_file_names(dag_ids, machines, tmp_path):
    tasks = [f"TriggerDagRunOperator(task_id='t{n}', trigger_dag_id={each!r})" for n, each in enumerate(dag_ids)]
    may = allowed(stack(tmp_path, _TRIGGER, *tasks))
    assert may["states:StartExecution"].count(":stateMachine:") == len(machines)
    assert all(f":stateMachine:{name}" in may["states:StartExecution"] for name in machines)


def test_instances_of_a_mapped_task_start_the_machines_that_they_name(tmp_path):
    mapped = "TriggerDagRunOperator.partial(task_id='t').expand(trigger_dag_id={})"
    named = allowed(stack(tmp_path, _TRIGGER, mapped.format("['a', 'b']")))
    assert [f':stateMachine:{name}"' in named["states:StartExecution"] for name in ("a", "b", "*")] == [
        True,
        True,
        False,
    ]
    lines = ("@task", "def ids(): return ['a']", mapped.format("ids()"))
    assert ":stateMachine:*" in allowed(stack(tmp_path, _TRIGGER, *lines))["states:StartExecution"]
