"""What compiled schedules refer to, made to exist on the embedded AWS: queues and job definitions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ductwork.ir import BatchJob, Task, Worker, Workflow
from ductwork.passes.job_definitions import WORKER_COMMAND

from ductwork_airflow.local.aws import EmbeddedAws
from ductwork_airflow.submit.documents import fill

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


def provide(aws: EmbeddedAws, workflow: Workflow, definitions: Definitions) -> None:
    """Make every queue and job definition that a workflow names exist."""
    for task in workflow.tasks:
        if task.calls_back and isinstance(task.work, BatchJob):
            # Where it fails, a worker calls back.
            provide_worker(aws, workflow.bundle_path, *_of_worker(task))
        queue, definition = _named(task)
        if queue is None or definition is None:
            continue
        if isinstance(task.work, BatchJob):
            known = definitions.get(definition, {}).get("containerProperties", {})
            aws.ensure_queue(queue)
            aws.ensure_job_definition(
                definition,
                command=command(task.work, definitions),
                environment={item["name"]: item["value"] for item in known.get("environment", [])},
                parameters=definitions.get(definition, {}).get("parameters", {}),
            )
        else:
            provide_worker(aws, workflow.bundle_path, queue, definition)
            if task.deployment.event_bus:
                aws.ensure_event_bus(fill(task.deployment.event_bus, PLACES))


def _named(task: Task) -> tuple[str | None, str | None]:
    if isinstance(task.work, BatchJob):
        return fill(str(task.work.request["jobQueue"]), PLACES), str(task.work.request["jobDefinition"])
    return _of_worker(task) if isinstance(task.work, Worker) else (None, None)


def _of_worker(task: Task) -> tuple[str, str]:
    return fill(task.deployment.job_queue, PLACES), fill(task.deployment.job_definition, PLACES)


def command(work: BatchJob, definitions: Definitions) -> list[str]:
    """What a native job runs: its own command or its definition's; empty if nobody knows."""
    overrides = work.request.get("containerOverrides") or {}
    if overrides.get("command"):
        return list(overrides["command"])
    name = str(work.request["jobDefinition"])
    known = definitions.get(name) or definitions.get(name.rpartition("/")[2].partition(":")[0]) or {}
    return list(known.get("containerProperties", {}).get("command", []))
