"""What compiled schedules refer to, made to exist on the embedded AWS: queues and job definitions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ductwork.ir import BatchJob, Deployment, Workflow
from ductwork.ir.per_instance import spread
from ductwork.passes.job_definitions import WORKER_COMMAND

from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.dag_code.archive import pack
from ductwork_airflow.dag_code.store import CodeObject, upload
from ductwork_airflow.dag_code.tree import DagCodeError
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.submit.substitutions import fill

# What the open places of an artefact stand for on the embedded AWS.
PLACES = {"JobQueue": "ductwork-local", "JobDefinition": "ductwork-worker", "LedgerTable": "ductwork"}

# Job definitions as `aws batch describe-job-definitions` prints them, by name.
Definitions = Mapping[str, Mapping[str, Any]]

_BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


def worker_environment(bundle_path: str) -> dict[str, str]:
    """What the job definition of worker tasks sets: where the DAG files are."""
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": bundle_path},
    }
    return {_BUNDLES: json.dumps([bundle]), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


def provide_worker(aws: EmbeddedAws, bundle_path: str, queue: str, definition: str) -> None:
    """Make a queue and the job definition of worker tasks exist."""
    aws.ensure_queue(queue)
    aws.ensure_job_definition(definition, command=WORKER_COMMAND, environment=worker_environment(bundle_path))


def provide_code(aws: EmbeddedAws, folder: Path, uri: str) -> None:
    """Put the DAG folder where schedules say that it is in S3.

    :raises SubmissionError: they name another content than the folder has
    """
    try:
        place = CodeObject.parse(uri)
        aws.ensure_bucket(place.bucket)
        with tempfile.TemporaryDirectory() as temporary:
            packed = pack(folder, Path(temporary))
            if packed.hash != place.hash:
                raise DagCodeError(
                    f"the DAG code {uri} is not what {folder} has now: give the URI of {packed.hash}.zip"
                )
            upload(packed, str(place).removesuffix(f"/{place.hash}.zip"), aws.aws)
    except DagCodeError as error:
        raise SubmissionError(str(error)) from error


def provide(aws: EmbeddedAws, workflow: Workflow, definitions: Definitions) -> None:
    """Make every queue and job definition that a workflow names exist.

    Those of workers whatever the tasks are: where a job of the user's own fails a worker calls back, in a job chain a
    worker may carry it out, and jobs of the run itself are workers.
    """
    deployments = [workflow.deployment, *(task.deployment for task in workflow.tasks)]
    places = {_worker_place(each) for each in deployments}
    for uri in sorted({each.dag_code for each in deployments if each.dag_code}):
        provide_code(aws, Path(workflow.bundle_path), uri)
    for queue, definition, event_bus in sorted(places):
        provide_worker(aws, workflow.bundle_path, queue, definition)
        if event_bus:
            aws.ensure_event_bus(event_bus)
    for task in workflow.tasks:
        submitted = task.work.submits
        if submitted and task.work.submits_container:
            aws.ensure_queue(fill(str(task.deployment.job_queue), PLACES))
            if submitted.definition:
                aws.ensure_job_definition(str(submitted.definition["jobDefinitionName"]), command=[])
        elif submitted:
            for job in spread(submitted):
                _provide_job(aws, job, definitions)


def _worker_place(deployment: Deployment) -> tuple[str, str, str]:
    """Queue, job definition and event bus of a worker."""
    places = (deployment.job_queue, deployment.job_definition, deployment.event_bus)
    queue, definition, event_bus = (fill(place, PLACES) if place else "" for place in places)
    return queue or PLACES["JobQueue"], definition or PLACES["JobDefinition"], event_bus


def _provide_job(aws: EmbeddedAws, job: BatchJob, definitions: Definitions) -> None:
    name = definition_name(job)
    definition = definitions.get(name, {})
    environment = definition.get("containerProperties", {}).get("environment", [])
    aws.ensure_queue(fill(str(job.request["jobQueue"]), PLACES))
    aws.ensure_job_definition(
        name,
        command=command(job, definitions),
        environment={item["name"]: item["value"] for item in environment},
        parameters=definition.get("parameters", {}),
    )


def definition_name(job: BatchJob) -> str:
    """The job definition that a job names: name, ``name:revision`` or ARN."""
    return str(job.request["jobDefinition"])


def command(work: BatchJob, definitions: Definitions) -> list[str]:
    """What a native job runs: its own command or its definition's; empty if neither has one."""
    overrides = work.request.get("containerOverrides") or {}
    if overrides.get("command"):
        return list(overrides["command"])
    name = definition_name(work)
    definition = definitions.get(name) or definitions.get(name.rpartition("/")[2].partition(":")[0]) or {}
    return list(definition.get("containerProperties", {}).get("command", []))
