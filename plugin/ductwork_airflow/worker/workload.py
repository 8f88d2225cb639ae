"""What a worker has been started for: its environment, and the run's item that the ledger has for it."""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.contracts.ledger import run_pk, task_sk
from ductwork.contracts.run_item import RunItem, facts_of
from ductwork.contracts.task_facts import TaskFacts
from ductwork.contracts.task_item import TaskItem, max_tries

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.execution_api import Session
from ductwork_airflow.execution_api.event_bus import EventBus
from ductwork_airflow.ledger import Ledger, LedgerError
from ductwork_airflow.worker.environment import WorkerEnvironment
from ductwork_airflow.worker.logs import FailureCapture
from ductwork_airflow.worker.run_starts import MachineStarts


@dataclass(frozen=True)
class Workload:
    """What a worker has been started for, with all that it needs to do it.

    :param run: the run's item
    :param log: what the task's log says about a failure
    """

    environment: WorkerEnvironment
    aws: Aws
    ledger: Ledger
    run: RunItem
    log: FailureCapture

    @classmethod
    def load(cls, environment: WorkerEnvironment, aws: Aws, log: FailureCapture) -> Workload:
        """Connect to the ledger and read the run.

        :raises LedgerError: the ledger has no such run
        """
        ledger = Ledger.connect(environment.table, aws)
        run = ledger.run(environment.dag_id, environment.run_id)
        if run is None:
            raise LedgerError(
                f"run {environment.run_id!r} of DAG {environment.dag_id!r} is not in table {environment.table!r}: "
                "the state machine's first state or the submitter creates it"
            )
        return cls(environment, aws, ledger, run, log)

    @property
    def facts(self) -> TaskFacts:
        """What the run's item says of the task; empty where it says nothing."""
        return facts_of(self.run, self.environment.task_id)

    @property
    def event_bus(self) -> EventBus | None:
        """Where asset events go besides the ledger."""
        name = self.environment.event_bus
        return EventBus(name, lambda: self.aws.client("events")) if name else None

    def item(self) -> TaskItem:
        """The task instance's item, read anew; empty if nobody has said anything of it."""
        place = self.environment
        return self.ledger.task(place.dag_id, place.run_id, place.task_id, place.map_index) or {}

    def amend(self, **changes: object) -> bool:
        """Set attributes of the task instance's item that do not move its state."""
        place = self.environment
        key = run_pk(place.dag_id, place.run_id), task_sk(place.task_id, place.map_index)
        return self.ledger.update(*key, changes)

    def session(self, try_number: int, item: TaskItem, map_index: int | None = None) -> Session:
        """One try of a task instance, for Airflow's supervisor.

        :param item: the task instance's
        :param map_index: of the task instance, where it is another than the environment's
        """
        place = self.environment
        return Session(
            ledger=self.ledger,
            run=self.run,
            task_id=place.task_id,
            map_index=place.map_index if map_index is None else map_index,
            try_number=try_number,
            max_tries=max_tries(item, self.facts),
            job_id=place.job_id,
            job_attempt=place.job_attempt,
            map_size=place.map_size,
            event_bus=self.event_bus,
            starts=MachineStarts(self.aws, self.ledger),
        )
