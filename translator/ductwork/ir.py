"""The target-neutral form of one DAG. Rules make it, passes rewrite it, back ends read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ductwork.diagnostics import Origin

# ---- expressions: what a template field becomes when it is known only at run time ----


@dataclass(frozen=True)
class Text:
    """A constant piece of text."""

    value: str


@dataclass(frozen=True)
class RunValue:
    """A value of the run: ``run_id``, ``ds``, ``ds_nodash``, ``ts`` or ``ts_nodash``, as Airflow renders it."""

    name: str


@dataclass(frozen=True)
class Concat:
    """Pieces of text, one after another."""

    parts: tuple[Text | RunValue, ...]


Expr = Text | RunValue | Concat

# ---- work: how one task is carried out ----


@dataclass(frozen=True)
class Worker:
    """Airflow's own code in a Batch container.

    :param why: for ``explain``: why this task needs a container
    """

    why: str


@dataclass(frozen=True)
class Instant:
    """Nothing to run: the task succeeds as soon as its rule lets it."""

    why: str


@dataclass(frozen=True)
class BatchJob:
    """A user's own Batch job, submitted as it is; no container of ours runs.

    :param request: the SubmitJob request in boto3's spelling; leaves may be :class:`Expr`
    :param wait: the task ends with the job (else as soon as the job is submitted)
    :param push_job_id: the job id becomes the task's return value
    """

    why: str
    request: Mapping[str, Any]
    wait: bool = True
    push_job_id: bool = True


Work = Worker | Instant | BatchJob

# ---- the workflow ----


@dataclass(frozen=True)
class Retry:
    """Airflow's retry settings. Delays are seconds; ``backoff`` 0 means a constant delay."""

    retries: int = 0
    delay: float = 300.0
    backoff: float = 0.0
    max_delay: float | None = None


@dataclass(frozen=True)
class Deployment:
    """Where and with what a worker task runs. None means: not said here.

    :param vcpus: a number as text, e.g. ``"0.25"``
    :param memory: MiB
    :param timeout: seconds, a hard limit for one attempt
    :param environment: further variables for the container
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
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One task. ``upstream`` holds the direct upstream tasks, as the author wrote them."""

    task_id: str
    origin: Origin
    operator: str
    work: Work
    upstream: tuple[str, ...] = ()
    trigger_rule: str = "all_success"
    retry: Retry = Retry()
    execution_timeout: float | None = None
    may_defer: bool = False
    deployment: Deployment = Deployment()


@dataclass(frozen=True)
class Workflow:
    """One DAG.

    :param tasks: in topological order; tasks that may run side by side are in order of their ids
    :param dag_file: the DAG file's path relative to its bundle
    :param ledger_table: the ledger's table, a name or a ``${substitution}``
    :param restartable: a new execution of the same run can pass over the tasks that are done
    """

    dag_id: str
    origin: Origin
    dag_file: str
    bundle_path: str
    tasks: tuple[Task, ...]
    ledger_table: str = "${LedgerTable}"
    restartable: bool = True

    @property
    def by_id(self) -> dict[str, Task]:
        return {task.task_id: task for task in self.tasks}

    @property
    def leaves(self) -> tuple[str, ...]:
        """The tasks nothing depends on; their outcomes decide the run's."""
        inner = {upstream for task in self.tasks for upstream in task.upstream}
        return tuple(task.task_id for task in self.tasks if task.task_id not in inner)
