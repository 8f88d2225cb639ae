"""What the handlers know: one try of one task instance, and the ledger behind it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ductwork.contracts import ledger as schema
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.execution_api.event_bus import EventBus
from ductwork_airflow.execution_api.other_dags import RunStarts
from ductwork_airflow.ledger import Ledger, LedgerError

ACTIVE_STATES = frozenset({"running", "deferred"})


_Required = Literal["dag_file", "run_after", "started_at", "run_type", "state"]


@dataclass(frozen=True)
class Deferral:
    """What a task asked for when it deferred. It lives in the worker only: the arguments may hold secrets.

    :param trigger_kwargs: as the task process encoded them, or a Fernet-encrypted string
    :param timeout: seconds
    """

    classpath: str
    trigger_kwargs: Mapping[str, object] | str
    timeout: float | None
    next_method: str
    next_kwargs: Mapping[str, object]


@dataclass(frozen=True)
class Resumption:
    """How a deferred task goes on: the operator's method, and its arguments as Airflow encodes them."""

    next_method: str
    next_kwargs: object


@dataclass
class Session:
    """One try of one task instance, as its worker sees it.

    :param run: the run's item
    :param max_tries: Airflow's ``max_tries``: how many retries, 0 for none
    :param map_size: how many instances the mapped task has, if its worker knows
    :param heartbeat_every: seconds; heartbeats that come sooner are answered, but not written
    :param event_bus: where asset events go besides the ledger
    :param starts: starts runs of other DAGs
    :param job_id: the Batch job; with ``job_attempt`` it tells two workers of one task instance apart
    """

    ledger: Ledger
    run: RunItem
    task_id: str
    map_index: int
    try_number: int
    max_tries: int
    job_id: str | None = None
    job_attempt: int | None = None
    map_size: int | None = None
    event_bus: EventBus | None = None
    starts: RunStarts | None = None
    resumption: Resumption | None = None
    deferral: Deferral | None = None
    pid: int | None = None
    stopping: bool = False
    heartbeat_every: float = 0.0
    last_heartbeat: float = 0.0
    sequences: dict[tuple[str, str], tuple[float, list[str]]] = field(default_factory=dict)
    """Sort keys of sequences of XComs, and when they were read (``time.monotonic``)."""
    should_retry: bool = field(init=False)

    def __post_init__(self) -> None:
        # Airflow's _is_eligible_to_retry.
        self.should_retry = self.max_tries != 0 and self.try_number <= self.max_tries

    @property
    def dag_id(self) -> str:
        return str(self.run["dag_id"])

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def key(self) -> tuple[str, str]:
        """The task instance's primary key in the ledger."""
        return schema.run_pk(self.dag_id, self.run_id), schema.task_sk(self.task_id, self.map_index)

    @property
    def ti_id(self) -> uuid.UUID:
        """As in Airflow, every try has an id of its own; here it follows from the ledger's key."""
        return uuid.uuid5(uuid.NAMESPACE_URL, "/".join((*self.key, str(self.try_number))))

    @property
    def dag_version_id(self) -> uuid.UUID:
        """Airflow's models want one; nothing here has versions."""
        return uuid.uuid5(uuid.NAMESPACE_URL, self.dag_id)

    def task_instance(self) -> dict[str, object]:
        """The try in the shape of the execution API's ``TaskInstance``."""
        return {
            "id": self.ti_id,
            "task_id": self.task_id,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "try_number": self.try_number,
            "map_index": self.map_index,
            "dag_version_id": self.dag_version_id,
        }

    def item(self) -> TaskItem | None:
        """The task instance's item as the ledger has it now; None before the first try begins."""
        return self.ledger.instance(*self.key)

    def record(self, state: str, **attributes: Any) -> bool:
        """Move the task instance to ``state`` with these attributes. False if another worker or a later try has it."""
        return self.ledger.record_task(
            self.dag_id,
            self.run_id,
            self.task_id,
            state,
            self.try_number,
            map_index=self.map_index,
            owner=True,
            **attributes,
        )

    def amend(self, **attributes: object) -> bool:
        """Set attributes that do not move the state. False if the task instance has gone on to another try."""
        changes = {"try_number": self.try_number, **attributes}
        return self.ledger.update(*self.key, changes, condition="#try_number = :try_number")

    def owns(self, item: TaskItem) -> bool:
        """Whether ``item`` was last started by this very worker."""
        return (item.get("try_number"), item.get("job_id"), item.get("job_attempt")) == (
            self.try_number,
            self.job_id,
            self.job_attempt,
        )


def required(item: RunItem, name: _Required) -> str:
    """An attribute that a run's item must have.

    :raises LedgerError: it has not
    """
    value = item.get(name)
    if value is None:
        raise LedgerError(
            f"run {item.get('run_id')!r} of DAG {item.get('dag_id')!r} has no {name!r} in the ledger; "
            "the state machine's first state or the submitter writes it: compile and submit with the same version"
        )
    return value
