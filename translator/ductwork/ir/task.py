"""One task in its target-neutral form."""

from __future__ import annotations

from dataclasses import dataclass, field

from ductwork.diagnostics import Origin
from ductwork.ir.deployment import Deployment
from ductwork.ir.map_length import Length
from ductwork.ir.window import ALWAYS_OPEN, Window
from ductwork.ir.work import Work


@dataclass(frozen=True)
class Retry:
    """Airflow's retry settings. Delays are seconds; ``backoff`` 0 means a constant delay.

    :param policy: a retry policy of the author's may give each retry a delay of its own
    """

    retries: int = 0
    delay: float = 300.0
    backoff: float = 0.0
    max_delay: float | None = None
    policy: bool = False

    @property
    def varies(self) -> bool:
        """Only the worker knows how long the next try is to wait: Airflow adds to a delay that grows what it makes of
        the task's names."""
        return self.retries > 0 and (self.policy or self.backoff not in (0, 1))


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
class Task:
    """One task.

    :param upstream: the direct upstream tasks, as the author wrote them; the trigger rule reads these
    :param setups: setups above the task that are not its direct upstream tasks; it runs only if they all succeeded
    :param scope: for a teardown: the tasks between its setups and itself, which must have ended
    :param skips: the downstream tasks that its own code may decide to skip
    :param fails_run: for a teardown: its failure fails the run
    :param calls_back: something is to be called, or mailed, when it fails
    :param group_path: the task groups it is in, by id, the outermost first
    :param mapped_group: the mapped task group it is in: it has an instance for each of the group's
    :param length: of a mapped task: how many instances it has
    :param slots: the limits it is under
    :param max_active_tis_per_dagrun: of a mapped task: how many of a run's instances go on at a time; None: any number
    :param past: ``self``: it waits for itself in the run before; ``all``: and for all that is directly below that
    :param ignores_first_past: it does not wait where the run before did not have it yet
    :param reschedules: it may ask to be started again at a later time, in the same try
    :param deployment: of its worker, or of its job
    :param container_deployment: of a container's own job
    :param window: the logical dates for which Airflow makes an instance of it, as far as other tasks have others
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
    max_active_tis_per_dagrun: int | None = None
    past: str = ""
    ignores_first_past: bool = False
    length: Length | None = None
    group_path: tuple[str, ...] = ()
    mapped_group: str = ""
    window: Window = ALWAYS_OPEN
    deployment: Deployment = field(default_factory=Deployment)
    container_deployment: Deployment | None = None

    @property
    def is_mapped(self) -> bool:
        """It may have several instances, which may end differently."""
        return self.length is not None or bool(self.mapped_group)

    @property
    def starts_again(self) -> bool:
        """Its worker may say when the task is to be started again."""
        return self.work.has_worker and (self.reschedules or self.retry.varies)
