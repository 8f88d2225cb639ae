"""The embedded AWS of ``--local``: moto's services over HTTP in this process, Batch jobs as local processes.

The user's own AWS is out of reach: credentials, profiles, configuration files and roles are neither read here nor
passed to the jobs, every client is bound to 127.0.0.1, and the jobs get an endpoint and credentials that mean nothing.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ductwork_airflow.aws.clients import Aws, new_session
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.moto_patches import install

if TYPE_CHECKING:
    from ductwork_airflow.embedded_aws.batch.scheduler import ProcessBatch
    from ductwork_airflow.embedded_aws.tables import TableStore

ACCOUNT = "123456789012"
CREDENTIALS = ("local", "local")
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/ductwork-local"
_COMPUTE_ENVIRONMENT = "ductwork-local"
_LOCAL_HOSTS = "127.0.0.1,localhost"


class EmbeddedAws:
    """A context manager; one at a time per process, since moto's state is the process's.

    :param pool: where the jobs' processes come from; it stays open
    :param jobs: how many jobs run at once
    :param log_dir: one file per attempt of a job
    :param state_file: keeps the DynamoDB tables from one process to the next
    :param port: of 127.0.0.1; 0 for a free one
    """

    endpoint_url: str
    aws: Aws

    def __init__(
        self,
        *,
        pool: WorkerPool,
        jobs: int,
        log_dir: Path,
        region: str = "us-east-1",
        state_file: Path | None = None,
        port: int = 0,
    ) -> None:
        self._pool, self._jobs, self._log_dir, self._region = pool, jobs, log_dir, region
        self._state_file, self._port = state_file, port
        self._caller_environment = dict(os.environ)
        self._cwd = Path.cwd()
        self._stack = ExitStack()
        self._store: TableStore | None = None

    def __enter__(self) -> EmbeddedAws:
        with ExitStack() as stack:
            stack.enter_context(without_users_aws(self._region))
            install.install()
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        from moto.core.config import default_user_config

        from ductwork_airflow.embedded_aws.batch import api
        from ductwork_airflow.embedded_aws.moto_patches import in_process
        from ductwork_airflow.embedded_aws.server import MotoServer

        stack.callback(
            default_user_config.update, {key: default_user_config[key] for key in ("stepfunctions", "batch")}
        )
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        default_user_config["batch"] = {"use_docker": True}  # False wraps the backend; the jobs are ours either way
        _reset_moto()
        stack.callback(_reset_moto)
        self._open_state()
        server = MotoServer(self._port)
        port = server.start()
        stack.enter_context(in_process.served_at(port))
        stack.callback(server.stop)
        os.environ["MOTO_PORT"] = str(port)
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.aws = _LocalAws(region_name=self._region, endpoint_url=self.endpoint_url, credentials=CREDENTIALS)
        batch = self._process_batch()
        api.use(batch)
        stack.callback(api.use, None)
        batch.start()
        stack.callback(batch.stop)
        stack.callback(_stop_executions, self._region)

    def _process_batch(self) -> ProcessBatch:
        from moto.logs.models import logs_backends

        from ductwork_airflow.embedded_aws.batch.logs import JobLogs
        from ductwork_airflow.embedded_aws.batch.scheduler import ProcessBatch

        self._log_dir.mkdir(parents=True, exist_ok=True)
        return ProcessBatch(
            self._pool,
            jobs=self._jobs,
            log_dir=self._log_dir.absolute(),
            environment=self.job_environment,
            cwd=self._cwd,
            arn_prefix=f"arn:aws:batch:{self._region}:{ACCOUNT}",
            on_log=JobLogs(logs_backends[ACCOUNT][self._region]).add,
        )

    def job_environment(self) -> dict[str, str]:
        """The caller's environment with this AWS in the place of the caller's."""
        return strip_aws_variables(self._caller_environment) | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": CREDENTIALS[0],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS[1],
            **_NO_FILES,
            **_no_proxy(self._caller_environment),
        }

    # ---- what an artefact refers to ----

    def ensure_event_bus(self, name_or_arn: str) -> None:
        """Make an EventBridge bus of this name exist."""
        client, name = self.aws.client("events"), name_or_arn.rpartition("/")[2]
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_event_bus(Name=name)

    def ensure_bucket(self, name: str) -> None:
        """Make a bucket of this name exist in S3."""
        from moto.s3.models import s3_backends

        backend = s3_backends[ACCOUNT]["aws"]
        if name not in backend.buckets:
            backend.create_bucket(name, self._region)

    def ensure_queue(self, name_or_arn: str) -> None:
        """Make a job queue of this name exist, whichever Region or account its ARN says."""
        from moto.batch.models import ComputeEnvironment, JobQueue

        backend = self._batch_backend()
        if backend.get_job_queue(name_or_arn) is not None:
            return
        # Through the model classes: the API would want a VPC, subnets and roles, and boot instances.
        environment = ComputeEnvironment(
            _COMPUTE_ENVIRONMENT, "MANAGED", "ENABLED", {"type": "FARGATE"}, ROLE_ARN, ACCOUNT, self._region
        )
        backend._compute_environments.setdefault(environment.arn, environment)
        name = name_or_arn.rpartition("/")[2]
        order = [{"order": 1, "computeEnvironment": environment.arn}]
        queue = backend.get_job_queue_by_name(name) or JobQueue(
            name, "1", "ENABLED", [environment], order, schedule_policy=None, backend=backend
        )
        backend._job_queues[queue.arn] = queue
        backend._job_queues[name_or_arn] = queue

    def ensure_job_definition(
        self,
        name_or_arn: str,
        *,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Make an active job definition exist under this name, ``name:revision`` or ARN."""
        backend = self._batch_backend()
        if backend.get_job_definition(name_or_arn) is not None:
            return
        name, _, revision = name_or_arn.rpartition("/")[2].partition(":")
        definition = backend.register_job_definition(
            def_name=name,
            parameters=dict(parameters or {}),
            _type="container",
            tags={},
            retry_strategy={},
            container_properties={
                "image": "local",
                "command": list(command),
                "environment": [{"name": key, "value": value} for key, value in (environment or {}).items()],
                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
            },
            node_properties=None,
            eks_properties=None,
            timeout={},
            platform_capabilities=["FARGATE"],
            propagate_tags=False,
        )
        if revision:
            # AWS counts revisions from 1, and those before this one are somebody else's.
            del backend._job_definitions[definition.arn]
            definition.revision, definition.arn = int(revision), f"{definition.arn.rpartition(':')[0]}:{revision}"
        backend._job_definitions |= {definition.arn: definition, name_or_arn: definition}

    def _batch_backend(self) -> Any:
        from ductwork_airflow.embedded_aws.batch.api import backend

        return backend(ACCOUNT, self._region)

    def wait(self, execution_arn: str | None, seconds: float) -> None:
        """Wait so long, but no longer than until the execution ends, if there is one that goes on."""
        ended = self._ended(execution_arn) if execution_arn else threading.Event()
        if ended.is_set():
            time.sleep(seconds)
        ended.wait(seconds)

    @functools.cache  # noqa: B019 - there is one of these in a process
    def _ended(self, execution_arn: str) -> threading.Event:
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        from ductwork_airflow.embedded_aws.moto_patches.interpreter import when_ended

        ended, backend = threading.Event(), stepfunctions_parser_backends[ACCOUNT][self._region]
        if not when_ended(backend.describe_execution(execution_arn), ended):
            ended.set()
        return ended

    # ---- state ----

    def save_tables(self) -> None:
        """Write the DynamoDB tables to the state file, if there is one."""
        if self._store:
            self._store.save()

    def _open_state(self) -> None:
        if self._state_file is None:
            return
        from moto.dynamodb.models import dynamodb_backends

        from ductwork_airflow.embedded_aws.tables import TableStore

        self._store = TableStore(self._state_file, dynamodb_backends[ACCOUNT][self._region])
        self._store.load()


class _LocalAws(Aws):
    """Makes the client of a service once: its credentials never expire, and making one costs as much as ten calls."""

    @functools.cache  # noqa: B019 - there is one for each embedded AWS
    def client(self, service: str) -> object:
        """The low-level boto3 client of a service."""
        return super().client(service)


_NO_FILES = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def strip_aws_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """No variable that botocore reads: all of AWS_* and the legacy BOTO_CONFIG."""
    return {k: v for k, v in environment.items() if not k.upper().startswith("AWS_") and k != "BOTO_CONFIG"}


def _no_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Proxies of the caller must not get what is meant for 127.0.0.1."""
    kept = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    hosts = f"{kept},{_LOCAL_HOSTS}" if kept else _LOCAL_HOSTS
    return {"NO_PROXY": hosts, "no_proxy": hosts}


@contextmanager
def without_users_aws(region: str) -> Iterator[None]:
    """This process without the caller's AWS: boto3 reads the environment and its files whatever its arguments are."""
    import boto3

    saved, session = dict(os.environ), boto3.DEFAULT_SESSION
    clean = strip_aws_variables(saved) | _NO_FILES | _no_proxy(saved) | {"AWS_DEFAULT_REGION": region}
    _replace_environment(clean)
    boto3.setup_default_session(botocore_session=new_session())
    try:
        yield
    finally:
        _replace_environment(saved)
        boto3.DEFAULT_SESSION = session


def _replace_environment(wanted: Mapping[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def _stop_executions(region: str) -> None:
    """What still runs would go on in its threads."""
    from moto.core.utils import utcnow
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    for execution in stepfunctions_parser_backends[ACCOUNT][region]._get_executions():
        if execution.status == "RUNNING" and execution.exec_worker and execution.exec_worker.env:
            execution.stop(stop_date=utcnow(), error=None, cause=None)


def _reset_moto() -> None:
    from moto.moto_api._internal.models import moto_api_backend
    from moto.stepfunctions.parser.utils import TMP_THREADS

    moto_api_backend.reset()
    TMP_THREADS.clear()  # moto keeps every thread it ever made
