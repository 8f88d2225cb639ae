"""One try of a task under Airflow's supervisor, with its deferrals, until it has an outcome."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import httpx
from airflow.sdk.api.datamodels._generated import BundleInfo
from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow import compat
from ductwork_airflow.execution_api import Resumption, Session, dag_runs
from ductwork_airflow.execution_api.session import required
from ductwork_airflow.execution_api.times import moment
from ductwork_airflow.ledger import LedgerError, now
from ductwork_airflow.worker import callbacks, deferral
from ductwork_airflow.worker.client import ledger_client, task_instance
from ductwork_airflow.worker.logs import FailureCapture
from ductwork_airflow.worker.outcome import REPORTABLE, SUPERSEDED, Outcome
from ductwork_airflow.worker.retry_delay import next_try_at
from ductwork_airflow.worker.termination import Termination

_LOOK_SECONDS = 0.2
_ERROR_LIMIT = 32_768  # characters
_FAILING = frozenset({"failed", "up_for_retry"})


class Runner:
    """
    :param capture: what the task's log says about a failure
    :param hold_reschedules: wait for a rescheduled task's time here, because nobody would start it again
    :param dead_try: the try before this one, if its worker died and left its callbacks to this one
    :param retry_facts: what the run's item says of the task, if a retry's delay is to be waited for here, because
        whoever starts the next try does so at once
    """

    def __init__(
        self,
        session: Session,
        capture: FailureCapture,
        *,
        hold_reschedules: bool,
        kill_grace: float,
        dead_try: int | None = None,
        retry_facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._session = session
        self._capture = capture
        self._hold_reschedules = hold_reschedules
        self._dead_try = dead_try
        self._retry_facts = retry_facts
        self._termination = Termination(session, kill_grace)
        self._client = ledger_client(session)

    def run(self) -> Outcome:
        self._termination.watch()
        self._session.heartbeat_every = compat.look_after_task_every(_LOOK_SECONDS)
        try:
            required(self._session.run, "dag_file")
            if self._dead_try is not None:
                callbacks.retry(self._session, self._dead_try)
                self._capture.forget()
            if not self._sit_out_retry_delay():
                return Outcome.of(self._session.item() or {"state": "up_for_retry"})
            while (outcome := self._step()) is None:
                pass
        except LedgerError as error:
            print(f"ductwork worker: {error}")
            return self._end("failed", str(error))
        return outcome

    def _step(self) -> Outcome | None:
        """Run the task's process once; None if it has to run once more."""
        code = self._supervise()
        item = self._session.item() or {}
        state = item.get("state")
        if code is None or not self._session.owns(item):
            return self._unowned(item)
        if state == "running":
            return self._end(self._fate(), self._describe(code))
        if state == "deferred":
            return self._trigger()
        if state == "up_for_reschedule" and self._hold_reschedules:
            self._session.resumption = None
            return None if self._wait_until(moment(item["until"])) else self._end(self._fate(), self._describe(0))
        return self._finished(state, code) if state in REPORTABLE else Outcome(SUPERSEDED)

    # ---- one run of the task's process ----

    def _supervise(self) -> int | None:
        """The exit code of the task's process; None if it was not allowed to start."""
        run = self._session.run
        try:
            return compat.supervise(
                ti=task_instance(self._session),
                bundle_info=BundleInfo(name=dag_runs.bundle(run), version=None),
                dag_rel_path=run["dag_file"],
                token="",
                client=self._client,
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise LedgerError(_message(error)) from error
            return None
        except compat.already_running() as error:
            print(f"ductwork worker: {error}")
            return None
        finally:
            self._session.pid = None

    def _sit_out_retry_delay(self) -> bool:
        """False if the worker was stopped meanwhile: this try has not begun, and whoever is started next waits on."""
        if self._retry_facts is None:
            return True
        session = self._session
        due = next_try_at(session.run, session.task_id, self._retry_facts, session.item() or {})
        if due is not None and due > datetime.now(timezone.utc):
            print(f"ductwork worker: try {session.try_number} waits until {due.isoformat()}", flush=True)
        return due is None or self._wait_until(due)

    # ---- deferral and rescheduling ----

    def _trigger(self) -> Outcome | None:
        """Run the trigger; None if the task is to be resumed."""
        if self._session.stopping:
            return self._end(self._fate(), self._describe(0))
        result = deferral.run_trigger(task_instance(self._session), self._session, self._client)
        self._session.pid = None
        if self._session.stopping or isinstance(result, int):
            return self._end(self._fate(), self._describe(result if isinstance(result, int) else 0))
        if isinstance(result, Resumption):
            self._session.resumption = result
            return None
        if result.state == "failed":
            return self._end(self._fate(), "the trigger ended the task as failed")
        for key, value in result.xcoms.items():
            session = self._session
            session.ledger.put_xcom(
                session.dag_id, session.run_id, session.task_id, key, value, map_index=session.map_index
            )
        return self._end(result.state, None)

    def _wait_until(self, until: datetime) -> bool:
        """False if the worker was stopped meanwhile."""
        seconds = (until - datetime.now(timezone.utc)).total_seconds()
        return not self._termination.requested.wait(max(0.0, seconds))

    # ---- outcomes ----

    def _fate(self) -> str:
        return "up_for_retry" if self._session.should_retry else "failed"

    def _describe(self, code: int) -> str:
        if self._termination.killed:
            return "stopped by SIGTERM, and killed because it did not end in time"
        # A process that had no time yet to handle the forwarded signal dies of it, which is the same end.
        if self._session.stopping and (code == -signal.SIGTERM or not (code < 0 or self._capture.error)):
            return "stopped by SIGTERM"
        if code < 0:
            return f"killed by signal {-code}"
        if self._capture.error:
            return self._capture.error
        return "the task's process ended without reporting a state" + (f" (exit code {code})" if code else "")

    def _finished(self, state: str, code: int) -> Outcome:
        """The task's process, or the supervisor on its behalf, has recorded the outcome."""
        if state in _FAILING:
            error = _clean(self._describe(code))
            self._session.amend(error=error)
        return Outcome.of(self._session.item() or {"state": state})

    def _end(self, state: str, error: str | None) -> Outcome:
        """Record an outcome that nobody else has."""
        clean = _clean(error) if error else None
        self._session.record(state, ended_at=now(), error=clean, next_method=None, trigger=None, trigger_timeout=None)
        return Outcome.of(self._session.item() or {"state": state, "error": clean})

    def _unowned(self, item: dict[str, Any]) -> Outcome:
        """The task may not run, or may not go on: it has ended otherwise, another worker has it, or we are stopped."""
        if item.get("state") in TERMINAL_STATES:
            return Outcome.of(item)
        if self._session.stopping and item.get("try_number", 0) <= self._session.try_number:
            return self._end(self._fate(), self._describe(0))
        return Outcome(SUPERSEDED)


def _clean(error: str) -> str:
    return compat.redact(error)[:_ERROR_LIMIT]


def _message(error: httpx.HTTPStatusError) -> str:
    detail = getattr(error, "detail", None)
    return str(detail.get("message", detail)) if isinstance(detail, dict) else str(error)
