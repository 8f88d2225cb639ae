"""Where and with what tasks run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deployment:
    """Where and with what a worker task runs. None means: not said here.

    :param vcpus: a number as text, e.g. ``"0.25"``
    :param memory: MiB
    :param timeout: seconds, a hard limit for one attempt
    :param event_bus: EventBridge bus for asset events, besides the ledger
    :param dag_code: URI of the DAG files in S3; None: the worker's image has them
    :param environment: further variables for the container
    :param native: False: Airflow's own operator in a worker, even where AWS could carry the task out by itself
    :param container_image: what a container operator runs, in place of the image it names
    :param worker_image: the container's image has Ductwork in it, which can keep its XCom
    :param platform: of container tasks: ``ec2`` or ``fargate``
    :param public_ip: on Fargate: the container has a public address, by which it reaches AWS from a public subnet
    :param job_role: ARN; what the container may do; ``execution_role``: what starting it takes
    :param registry_credentials: ARN of a secret for a private registry
    :param secrets: variables by name: ARN of a secret or parameter
    :param volumes: by name or path: a Batch volume, without its name
    :param ignore: arguments of container operators that may be left out
    """

    job_queue: str | None = None
    job_definition: str | None = None
    image: str | None = None
    ledger_table: str | None = None
    vcpus: str | None = None
    memory: int | None = None
    gpus: int | None = None
    timeout: int | None = None
    share_identifier: str | None = None
    scheduling_priority: int | None = None
    propagate_tags: bool | None = None
    event_bus: str | None = None
    dag_code: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    native: bool | None = None
    container_image: str | None = None
    worker_image: bool | None = None
    platform: str | None = None
    public_ip: bool | None = None
    job_role: str | None = None
    execution_role: str | None = None
    registry_credentials: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
