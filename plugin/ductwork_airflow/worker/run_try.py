"""One try of a task under Airflow's supervisor, with its deferrals, until it has an outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from ductwork.contracts.run_item import tasks_of
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow import compat
from ductwork_airflow.dag_code.tree import DagCodeError
from ductwork_airflow.execution_api import Resumption
from ductwork_airflow.execution_api.session import required
from ductwork_airflow.ledger import LedgerError, moment, timestamp
from ductwork_airflow.worker import files, task_callbacks
from ductwork_airflow.worker.record_outcome import Recorder
from ductwork_airflow.worker.rescheduling import most_reschedules
from ductwork_airflow.worker.retry_delay import next_try_at
from ductwork_airflow.worker.run_trigger import run_trigger
from ductwork_airflow.worker.task_process import supervise
from ductwork_airflow.worker.termination import Termination
from ductwork_airflow.worker.try_result import REPORTABLE, SUPERSEDED, TryResult
from ductwork_airflow.worker.workload import Workload

_LOOK_SECONDS = 0.2


def run_try(workload: Workload, item: TaskItem, number: int) -> TryResult:
    """Run a try, and the callbacks of the one before it if its container died.

    :param item: the task instance's, as the try before has left it
    :param number: of the try
    :return: the outcome, as the ledger has it too
    """
    return Runner(workload, item, number).run()


class Runner:
    """One try. Parameters as for :func:`run_try`."""

    def __init__(self, workload: Workload, item: TaskItem, number: int) -> None:
        self._run, self._facts, self._log = workload.run, workload.facts, workload.log
        self._dead_try = task_callbacks.died_with(item, number)
        # Without a token nobody would start the task again; with one, the state machine says whether it does.
        self._environment = workload.environment
        in_chain = workload.environment.token is None
        self._holds_reschedules = in_chain or bool(self._facts.get("hold_reschedules"))
        self._most_reschedules = most_reschedules(tasks_of(workload.run), workload.environment.map_index)
        # A state machine waits for as long as its worker says, unless a worker has died before it could say.
        self._says_delay = not in_chain and bool(self._facts.get("tells_delay"))
        self._sits_out_delay = in_chain or self._says_delay
        self._session = workload.session(number, item)
        self._termination = Termination(self._session, workload.environment.kill_grace)
        self._recorder = Recorder(self._session, self._log, self._termination)

    def run(self) -> TryResult:
        """The outcome, recorded."""
        self._termination.watch()
        self._session.heartbeat_every = compat.look_after_task_every(_LOOK_SECONDS)
        try:
            result = self._steps()
        except LedgerError as error:
            print(f"ductwork worker: {error}")
            result = self._recorder.ended("failed", str(error))
        if result.state != "up_for_retry":
            return result
        due = self._due() if self._says_delay else None
        return replace(result, until=timestamp(due) if due else None)

    def _steps(self) -> TryResult:
        required(self._run, "dag_file")
        try:
            files.fetch(self._environment)
        except DagCodeError as error:
            return self._without_files(error)
        if self._dead_try is not None:
            task_callbacks.retry(self._session, self._dead_try)
            self._log.forget()
        if self._sits_out_delay and (due := self._due()) is not None and not self._sit_out(due):
            return TryResult.of(self._session.item() or {"state": "up_for_retry"})
        while (result := self._step()) is None:
            pass
        return result

    def _without_files(self, error: DagCodeError) -> TryResult:
        print(f"ductwork worker: {error}", flush=True)
        if error.lasting:
            return self._recorder.ended("failed", str(error))
        return self._recorder.failed_because(str(error))

    def _due(self) -> datetime | None:
        """When the next try may start, as the ledger has it; None if the task instance waits for none."""
        return next_try_at(self._run, self._session.task_id, self._facts, self._session.item() or {})

    def _sit_out(self, due: datetime) -> bool:
        """False if the worker was stopped meanwhile: this try has not begun, and whoever is started next waits on."""
        if due > datetime.now(timezone.utc):
            print(f"ductwork worker: try {self._session.try_number} waits until {due.isoformat()}", flush=True)
        return self._termination.wait_until(due)

    def _step(self) -> TryResult | None:
        """Run the task's process once; None if it has to run once more."""
        exit_code = supervise(self._session)
        item = self._session.item() or {}
        state = item.get("state")
        if exit_code is None or not self._session.owns(item):
            return self._recorder.unowned(item)
        if state == "running":
            return self._recorder.failed(exit_code)
        if state == "deferred":
            return self._wait_for_trigger()
        if state == "up_for_reschedule" and self._goes_on_here(item):
            self._session.resumption = None
            self._log.forget()
            return None if self._termination.wait_until(moment(item["until"])) else self._recorder.failed()
        return self._recorder.recorded(state, exit_code) if state in REPORTABLE else TryResult(SUPERSEDED)

    def _goes_on_here(self, item: TaskItem) -> bool:
        """Whether the worker sits out a reschedule itself."""
        return self._holds_reschedules or item.get("reschedule_count", 0) > self._most_reschedules

    def _wait_for_trigger(self) -> TryResult | None:
        """Run the trigger; None if the task is to be resumed."""
        session = self._session
        if session.stopping:
            return self._recorder.failed()
        result = run_trigger(session)
        session.pid = None
        if session.stopping or isinstance(result, int):
            return self._recorder.failed(result if isinstance(result, int) else 0)
        if isinstance(result, Resumption):
            session.resumption = result
            return None
        if result.state == "failed":
            return self._recorder.failed_because("the trigger ended the task as failed")
        for key, value in result.xcoms.items():
            session.ledger.put_xcom(
                session.dag_id, session.run_id, session.task_id, key, value, map_index=session.map_index
            )
        return self._recorder.ended(result.state)
