"""Kinds of work: how one task is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ductwork.ir.expressions import Expr

# Of a DAG whose id depends on the run.
ANY_DAG = "*"


@dataclass(frozen=True)
class Work:
    """How one task is carried out. What holds of a kind as a whole is a class variable; the rest of the compiler reads
    these, and each back end has a table from kinds to what it makes of them.

    :param why: for ``explain``: why in this way
    :cvar kind: what ``explain`` calls it
    :cvar is_empty: nothing is run: it ends as soon as its rule lets it
    :cvar runs_a_job: a Batch job carries it out, which may die
    :cvar pokes: the target asks again and again until the waiting is over
    :cvar has_worker: Airflow's own task runner carries it out, which records how it ends
    """

    kind: ClassVar[str]
    is_empty: ClassVar[bool] = False
    runs_a_job: ClassVar[bool] = False
    pokes: ClassVar[bool] = False
    has_worker: ClassVar[bool] = False

    why: str

    @property
    def native_job(self) -> BatchJob | None:
        """The job of the author's own that AWS Batch runs as it is: no worker records it."""
        return None

    @property
    def begins_at_interval(self) -> bool:
        """Whether it is the end of the run's data interval that it counts from."""
        return False

    @property
    def ends(self) -> frozenset[str]:
        """The outcomes that it may have once it runs."""
        return frozenset({"success", "failed", "skipped"})

    @property
    def actions(self) -> tuple[tuple[str, str, str], ...]:
        """The actions of AWS that it comes to, and no worker: service, action, optimized integration."""
        return ()

    @property
    def container(self) -> Container | None:
        """What that job is to run, where the operator names no job definition."""
        return None

    @property
    def submits(self) -> BatchJob | None:
        """The job of the author's own that comes of it, whoever submits it."""
        return None

    @property
    def starts_runs_of(self) -> tuple[str, ...]:
        """The DAGs of which its operator starts runs."""
        return ()

    @property
    def submits_container(self) -> bool:
        """Whether it is a worker that submits an operator's container as a job, and waits for it."""
        return False

    def submitting(self, job: BatchJob) -> Work:
        """The same, with this in the place of the job that it :attr:`submits`."""
        return self

    def in_worker(self, why: str) -> Worker:
        """The same, as Airflow's own code does it in a worker."""
        return Worker(why)


@dataclass(frozen=True)
class Worker(Work):
    """Airflow's own code in a Batch container.

    :param submits: the job that its operator will submit, as far as that can be told; of a container the worker
        submits it in the operator's place, once Airflow has rendered what it is to run
    :param starts: the DAGs of which its operator starts runs; :data:`ANY_DAG` for what cannot be told
    """

    kind = "worker"
    runs_a_job = True
    has_worker = True

    submits: BatchJob | None = None
    starts: tuple[str, ...] = ()

    @property
    def starts_runs_of(self) -> tuple[str, ...]:
        return self.starts

    @property
    def submits_container(self) -> bool:
        return self.submits is not None and self.submits.container is not None

    def submitting(self, job: BatchJob) -> Worker:
        return replace(self, submits=job)

    def in_worker(self, why: str) -> Worker:
        return self


@dataclass(frozen=True)
class NoOp(Work):
    """Nothing to run: the task succeeds as soon as its rule lets it."""

    kind = "instant"
    is_empty = True

    @property
    def ends(self) -> frozenset[str]:
        return frozenset({"success"})


@dataclass(frozen=True)
class Mount:
    """A place in a container's file system.

    :param path: inside the container
    :param source: a path of the machine it runs on; None: an empty folder of its own, unless ``volume`` is given
    :param volume: the name of a volume that only the deployment can place
    :param shared: of an empty folder that other mounts show too: its name
    :param size: MiB, of a folder in memory; None: it is on disk
    """

    path: str
    source: str | None = None
    volume: str | None = None
    read_only: bool = False
    size: int | None = None
    shared: str = ""


@dataclass(frozen=True)
class Container:
    """A container that an operator describes, as far as AWS Batch can run it. Leaves may be :class:`Expr`.

    :param image: empty: only the deployment can name it
    :param command: what follows the image's entrypoint; None: the image's own
    :param secrets: variables whose values must come from a store of secrets
    :param vcpus: as asked for; the platform decides how it is rounded
    :param memory: MiB; likewise ``shared_memory``
    :param ulimits: name, soft limit, hard limit
    :param xcom: what becomes its XCom, kept by Ductwork in the image: a JSON file's path, ``last`` (line) or ``all``
    :param disk: GiB of its own, where the platform gives such
    :param fixed: what a job definition holds of it is the same for all runs
    """

    image: str
    command: tuple[Any, ...] | None = None
    environment: Mapping[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    vcpus: float | None = None
    memory: int | None = None
    gpus: int | None = None
    shared_memory: int | None = None
    user: str | None = None
    privileged: bool = False
    read_only: bool = False
    mounts: tuple[Mount, ...] = ()
    ulimits: tuple[tuple[str, int, int], ...] = ()
    job_role: str | None = None
    execution_role: str | None = None
    public_ip: bool = False
    tags: Mapping[str, object] = field(default_factory=dict)
    xcom: str = ""
    disk: int | None = None
    fixed: bool = True


@dataclass(frozen=True)
class BatchJob(Work):
    """A user's own Batch job, submitted as it is; no container of ours runs.

    :param request: the SubmitJob request in boto3's spelling; leaves may be :class:`Expr` or :class:`PerInstance`
    :param wait: the task ends with the job (else as soon as the job is submitted)
    :param push_job_id: the job id becomes the task's return value
    :param timeout: seconds after which its operator, or Airflow, ends an attempt; None: never
    :param poll_interval: seconds between two looks at the job; state machines and job chains look in their own way
    :param container: what the job is to run, where no job definition is named; a pass makes the request of it
    :param definition: the job definition for it, as a RegisterJobDefinition request
    """

    kind = "native"
    runs_a_job = True

    request: Mapping[str, Any]
    wait: bool = True
    push_job_id: bool = True
    timeout: int | None = None
    poll_interval: int = 30
    container: Container | None = None
    definition: Mapping[str, Any] | None = None

    @property
    def native_job(self) -> BatchJob:
        return self

    @property
    def ends(self) -> frozenset[str]:
        return frozenset({"success", "failed"})

    @property
    def submits(self) -> BatchJob:
        return self

    def submitting(self, job: BatchJob) -> BatchJob:
        return job

    def in_worker(self, why: str) -> Worker:
        return Worker(why, submits=self)


@dataclass(frozen=True)
class Wait(Work):
    """Nothing to run until a moment: a time given, or so long after the end of the run's data interval.

    :param until: ISO 8601 text, which may have values of the run in it
    :param after_interval: seconds, instead of ``until``
    :param timeout: seconds after which the task gives up
    :param soft_fail: it is then skipped, else failed
    :param pushes: its return value is True if the moment has passed before it begins
    """

    kind = "wait"

    until: Expr | None
    after_interval: float | None
    timeout: float
    soft_fail: bool = False
    pushes: bool = False

    @property
    def begins_at_interval(self) -> bool:
        return self.after_interval is not None

    @property
    def ends(self) -> frozenset[str]:
        return frozenset({"success", "skipped" if self.soft_fail else "failed"})


# What rules of other packages may call it.
Instant = NoOp
