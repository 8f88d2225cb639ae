"""Job definitions that come with an artefact are registered where they are missing, and never changed."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import job_definitions
from remote_runs import PACE, QUEUE, TABLE, Remote

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
