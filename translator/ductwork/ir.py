"""The target-neutral form of one DAG. Rules make it, passes rewrite it, back ends read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ductwork.assets import Asset
from ductwork.diagnostics import Origin
from ductwork.leaves import leaves
from ductwork.lengths import Length
from ductwork.task_groups import TaskGroup

# ---- expressions: what a template field becomes when it is known only at run time ----


@dataclass(frozen=True)
class Text:
    """A constant piece of text."""

    value: str


@dataclass(frozen=True)
class RunValue:
    """A value of the run: ``run_id``, ``ds``, ``ds_nodash``, ``ts`` or ``ts_nodash``, as Airflow renders it.

    In a mapped task group ``map_index`` is the instance's index.
    """

    name: str


@dataclass(frozen=True)
class Concat:
    """Pieces of text, one after another."""

    parts: tuple[Text | RunValue, ...]


Expr = Text | RunValue | Concat


@dataclass(frozen=True)
class PerInstance:
    """A value for each instance of a mapped task, in the order of their indexes: plain data with expressions in it."""

    values: tuple[Any, ...]


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
    """

    image: str
    command: tuple[Any, ...] | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
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
    tags: Mapping[str, Any] = field(default_factory=dict)
    xcom: str = ""


@dataclass(frozen=True)
class BatchJob:
    """A user's own Batch job, submitted as it is; no container of ours runs.

    :param request: the SubmitJob request in boto3's spelling; leaves may be :class:`Expr` or :class:`PerInstance`
    :param wait: the task ends with the job (else as soon as the job is submitted)
    :param push_job_id: the job id becomes the task's return value
    :param timeout: seconds after which its operator, or Airflow, ends an attempt; None: never
    :param poll_interval: seconds between two looks at the job; state machines and job chains look in their own way
    :param container: what the job is to run, where no job definition is named; a pass makes the request of it
    :param definition: the job definition for it, as a RegisterJobDefinition request
    """

    why: str
    request: Mapping[str, Any]
    wait: bool = True
    push_job_id: bool = True
    timeout: int | None = None
    poll_interval: int = 30
    container: Container | None = None
    definition: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Wait:
    """Nothing to run until a moment: a time given, or so long after the end of the run's data interval.

    :param until: ISO 8601 text, or a time of the run
    :param after_interval: seconds, instead of ``until``
    :param timeout: seconds after which the task gives up
    :param soft_fail: it is then skipped, else failed
    :param pushes: its return value is True if the moment has passed before it begins
    """

    why: str
    until: Text | RunValue | None
    after_interval: float | None
    timeout: float
    soft_fail: bool = False
    pushes: bool = False


Work = Worker | Instant | BatchJob | Wait

# ---- the workflow ----

# The end of a run, and the setting of a DAG that says what to call then.
RUN_CALLBACKS = {"success": "on_success_callback", "failed": "on_failure_callback"}


@dataclass(frozen=True)
class Retry:
    """Airflow's retry settings. Delays are seconds; ``backoff`` 0 means a constant delay."""

    retries: int = 0
    delay: float = 300.0
    backoff: float = 0.0
    max_delay: float | None = None


@dataclass(frozen=True)
class Slots:
    """A limit on how many tasks go on at a time.

    :param name: what is limited, for people
    :param field: the setting that says so
    :param key: ``(pk, sk)`` of the ledger's item that counts; an empty pk is the run's own
    :param size: how many slots there are
    :param count: how many of them the task takes
    """

    name: str
    field: str
    key: tuple[str, str]
    size: int
    count: int = 1


@dataclass(frozen=True)
class Deployment:
    """Where and with what a worker task runs. None means: not said here.

    :param vcpus: a number as text, e.g. ``"0.25"``
    :param memory: MiB
    :param timeout: seconds, a hard limit for one attempt
    :param event_bus: EventBridge bus for asset events, besides the ledger
    :param environment: further variables for the container
    :param native: False: Airflow's own operator in a worker, even where AWS could carry the task out by itself
    :param container_image: what a container operator runs, in place of the image it names
    :param worker_image: the container's image has Ductwork in it, which can keep its XCom
    :param platform: of container tasks: ``ec2`` or ``fargate``
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
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    native: bool | None = None
    container_image: str | None = None
    worker_image: bool | None = None
    platform: str | None = None
    job_role: str | None = None
    execution_role: str | None = None
    registry_credentials: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Task:
    """One task.

    :param upstream: the direct upstream tasks, as the author wrote them; the trigger rule reads these
    :param setups: setups above the task that are not its direct upstream tasks; it runs only if they all succeeded
    :param scope: for a teardown: the tasks between its setups and itself, which must have ended
    :param skips: the downstream tasks that its own code may decide to skip
    :param fails_run: for a teardown: its failure fails the run
    :param calls_back: something is to be called, or mailed, when it fails
    :param within: the task groups it is in, by id, the outermost first
    :param group: the mapped task group it is in: it has an instance for each of the group's
    :param length: of a mapped task: how many instances it has
    :param slots: the limits it is under
    :param at_once: of a mapped task: how many of a run's instances go on at a time; None: any number
    :param past: ``self``: it waits for itself in the run before; ``all``: and for all that is directly below that
    :param reschedules: it may ask to be started again at a later time, in the same try
    """

    task_id: str
    origin: Origin
    operator: str
    work: Work
    upstream: tuple[str, ...] = ()
    trigger_rule: str = "all_success"
    setups: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    is_setup: bool = False
    is_teardown: bool = False
    fails_run: bool = False
    reschedules: bool = False
    retry: Retry = Retry()
    execution_timeout: float | None = None
    may_defer: bool = False
    calls_back: bool = False
    slots: tuple[Slots, ...] = ()
    at_once: int | None = None
    past: str = ""
    length: Length | None = None
    within: tuple[str, ...] = ()
    group: str = ""
    deployment: Deployment = Deployment()

    @property
    def is_mapped(self) -> bool:
        """It may have several instances, which may end differently."""
        return self.length is not None or bool(self.group)


@dataclass(frozen=True)
class Workflow:
    """One DAG.

    :param tasks: in topological order; tasks that may run side by side are in order of their ids
    :param dag_file: the DAG file's path relative to its bundle
    :param ledger_table: the ledger's table, a name or a ``${substitution}``
    :param task_groups: all task groups by id
    :param groups: the mapped task groups: how many instances each has
    :param max_map_length: how many items Airflow lets a return value have that something is expanded over
    :param deployment: where and with what jobs of the run itself run
    :param timeout: seconds after which the run is stopped
    :param max_active_runs: how many runs may go on at the same time; None: any number
    :param calls_back: the ends of the run (``success``, ``failed``) that call back
    :param restartable: a new execution of the same run can pass over the tasks that are done
    :param assets: what its tasks may ask for by name or URI
    :param written: the ids of its tasks in the order in which its author wrote them
    :param scheduled: it runs at certain times, or when assets are updated
    :param title: what people call it
    :param tags: in alphabetical order
    :param sns_topic: ARN of the one SNS topic that hears of every end of a run; empty for none
    """

    dag_id: str
    origin: Origin
    dag_file: str
    bundle_path: str
    tasks: tuple[Task, ...]
    ledger_table: str = "${LedgerTable}"
    task_groups: Mapping[str, TaskGroup] = field(default_factory=dict)
    groups: Mapping[str, Length] = field(default_factory=dict)
    max_map_length: int = 1024
    deployment: Deployment = Deployment()
    timeout: float | None = None
    max_active_runs: int | None = None
    calls_back: tuple[str, ...] = ()
    restartable: bool = True
    assets: tuple[Asset, ...] = ()
    written: tuple[str, ...] = ()
    scheduled: bool = False
    title: str = ""
    tags: tuple[str, ...] = ()
    sns_topic: str = ""

    @cached_property
    def by_id(self) -> dict[str, Task]:
        return {task.task_id: task for task in self.tasks}

    def length_of(self, task: Task) -> Length | None:
        """How many instances a task has, whether mapped itself or within a mapped group; None if it has but one."""
        return self.groups[task.group] if task.group else task.length

    @property
    def sizes(self) -> dict[str, int]:
        """The number of instances of each mapped task of which the file tells it."""
        known = {task.task_id: found.fixed for task in self.tasks if (found := self.length_of(task)) is not None}
        return {task_id: number for task_id, number in known.items() if number is not None}

    def most(self, length: Length) -> int:
        """How many instances there are at the most."""

        def of_task(task_id: str) -> int:
            own = self.length_of(self.by_id[task_id])
            return self.max_map_length if own is None else self.most(own)

        return length.most(of_task)

    @property
    def leaves(self) -> tuple[str, ...]:
        """The tasks whose outcomes decide the run's: those on which nothing depends but teardowns.

        A teardown counts only where its failure is to fail the run; a DAG of nothing but such teardowns as do not
        count is decided by its last tasks.
        """
        uncounted = {task.task_id for task in self.tasks if task.is_teardown and not task.fails_run}
        return leaves({task.task_id: task.upstream for task in self.tasks}, uncounted)
