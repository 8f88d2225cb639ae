"""Job definitions that come with an artefact are registered where they are missing, and never changed."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import job_definitions
from remote_runs import MACHINE_CHAIN, PACE, QUEUE, TABLE, Remote

DEFINITION = {
    "jobDefinitionName": "ductwork-0123456789abcdef",
    "type": "container",
    "platformCapabilities": ["EC2"],
    "containerProperties": {
        "image": "registry.example/any:1",
        "command": ["true"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
    },
}


def chain(name: str) -> dict[str, object]:
    submit = {"jobName": name, "jobQueue": QUEUE, "jobDefinition": DEFINITION["jobDefinitionName"]}
    manifest = {"dag_file": "x.py", "ledger_table": TABLE, "tasks": {"t": {"job": name, "native": True}}}
    return {
        "version": 1,
        "dag_id": name,
        "jobs": [{"name": name, "depends_on": [], "submit": submit}],
        "manifest": manifest,
    }


def test_a_run_brings_its_definitions_with_it(remote: Remote) -> None:
    for dag_id in ("brings", "brings_again"):
        handle = lifecycle.submit(
            remote.clients,
            chain(dag_id),
            "batch",
            remote.request(dag_id),
            ledger_table=TABLE,
            pace=PACE,
            job_definitions=[DEFINITION],
        )
        assert remote.watch(handle).state == "success"
    found = remote.batch.describe_job_definitions(jobDefinitionName=DEFINITION["jobDefinitionName"])
    assert [each["revision"] for each in found["jobDefinitions"]] == [1]


class Refusing:
    def describe_job_definitions(self, **_: object) -> dict[str, list[object]]:
        return {"jobDefinitions": []}

    def register_job_definition(self, **_: object) -> None:
        raise ClientError({"Error": {"Code": "ClientException", "Message": "too small"}}, "RegisterJobDefinition")


def test_what_aws_does_not_take_is_named() -> None:
    with pytest.raises(lifecycle.SubmissionError, match="ductwork-0123456789abcdef .* too small"):
        job_definitions.provide(Refusing(), [DEFINITION])


MISSING = """
job("charge_customers") >> BatchOperator(
    task_id="report", job_name="report", job_queue="remote-queue", job_definition="%s"
)
"""


@pytest.mark.parametrize("target", ["batch", "stepfunctions", MACHINE_CHAIN])
@pytest.mark.parametrize(
    "name", ["typo", "typo:3", "remote-definition:7", "arn:aws:batch:eu-west-1:123456789012:job-definition/typo:1"]
)
def test_a_definition_that_is_not_there_is_found_before_anything_starts(remote: Remote, target: str, name: str) -> None:
    dag_id = f"missing_{target}"
    artefact, request = remote.compile(dag_id, MISSING % name, target), remote.request(dag_id)
    with pytest.raises(lifecycle.SubmissionError) as caught:
        remote.submit(artefact, target, request)
    assert f"no active job definition {name!r} (task report)" in str(caught.value)
    assert remote.ledger.run(dag_id, request.run_id) is None
    assert remote.jobs(f"{dag_id}-") == []


def test_a_definition_that_is_there_by_whatever_name(remote: Remote) -> None:
    made = remote.batch.register_job_definition(**{**DEFINITION, "jobDefinitionName": "remote-named"})
    arn = made["jobDefinitionArn"]
    for name in ("remote-named", "remote-named:1", arn):
        job_definitions.require(remote.batch, {"jobs": [{"name": "j", "submit": {"jobDefinition": name}}]})
    remote.batch.deregister_job_definition(jobDefinition=arn)
    with pytest.raises(lifecycle.SubmissionError, match="no active job definition 'remote-named'"):
        job_definitions.require(remote.batch, {"jobs": [{"name": "j", "submit": {"jobDefinition": "remote-named"}}]})
