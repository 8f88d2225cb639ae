"""The outcome of a try: what the task's process has not written into the ledger itself, its worker writes."""

from __future__ import annotations

import signal

from ductwork.contracts.ledger import ERROR_LIMIT
from ductwork.contracts.task_item import TaskItem, ended

from ductwork_airflow import compat
from ductwork_airflow.execution_api import Session
from ductwork_airflow.ledger import now
from ductwork_airflow.worker.logs import FailureCapture
from ductwork_airflow.worker.termination import Termination
from ductwork_airflow.worker.try_result import SUPERSEDED, TryResult

_FAILING = frozenset({"failed", "up_for_retry"})


class Recorder:
    """Writes down how a try ended, and why.

    :param session: of the try
    :param log: what the task's log says about a failure
    """

    def __init__(self, session: Session, log: FailureCapture, termination: Termination) -> None:
        self._session, self._log, self._termination = session, log, termination

    def recorded(self, state: str, exit_code: int) -> TryResult:
        """The task's process has recorded the outcome, or the supervisor on its behalf; or another task's worker, which
        says so, by ``fail_fast``.

        :param state: that is in the ledger
        :param exit_code: of the task's process; negative: the signal that killed it
        """
        if state == "up_for_retry" and self._log.is_lasting:
            return self.failed(exit_code)
        if state in _FAILING and "error" not in (self._session.item() or {}):
            self._session.amend(error=_clean(self._describe(exit_code)))
        return TryResult.of(self._session.item() or {"state": state})

    def failed(self, exit_code: int = 0) -> TryResult:
        """The process has ended without a word, or is not to go on: record that it failed, and why.

        :param exit_code: of the process; negative: the signal that killed it
        """
        return self.failed_because(self._describe(exit_code))

    def failed_because(self, error: str) -> TryResult:
        """Record a failure that nobody else has recorded. The task is retried if it has tries left that may help."""
        retried = self._session.should_retry and not self._log.is_lasting
        return self.ended("up_for_retry" if retried else "failed", error)

    def ended(self, state: str, error: str | None = None) -> TryResult:
        """Record an outcome that nobody else has recorded."""
        clean = _clean(error) if error else None
        self._session.record(state, ended_at=now(), error=clean, next_method=None, trigger=None, trigger_timeout=None)
        item = self._session.item()
        return TryResult.of(item) if item else TryResult(state, clean)

    def unowned(self, item: TaskItem) -> TryResult:
        """The task may not run, or may not go on: it has ended otherwise, another worker has it, or we are stopped.

        :param item: the task instance's
        """
        if ended(item):
            return TryResult.of(item)
        if self._session.stopping and item.get("try_number", 0) <= self._session.try_number:
            return self.failed()
        return TryResult(SUPERSEDED)

    def _describe(self, exit_code: int) -> str:
        if self._termination.killed:
            return "stopped by SIGTERM, and killed because it did not end in time"
        # A process that had no time yet to handle the forwarded signal dies of it, which is the same end.
        of_sigterm = exit_code == -signal.SIGTERM
        if self._session.stopping and (of_sigterm or not (exit_code < 0 or self._log.error)):
            return "stopped by SIGTERM"
        if exit_code < 0:
            return f"killed by signal {-exit_code}"
        if self._log.error:
            return self._log.error
        why = f" (exit code {exit_code})" if exit_code else ""
        return f"the task's process ended without reporting a state{why}"


def _clean(error: str) -> str:
    return compat.redact(error)[:ERROR_LIMIT]
