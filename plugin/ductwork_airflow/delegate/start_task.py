"""The twin's additional task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork_airflow.attachments import Attachment
from ductwork_airflow.operators import SubmitScheduleOperator
from ductwork_airflow.submit import runs
from ductwork_airflow.submit.remote import RunHandle


class StartTask(SubmitScheduleOperator):
    """Starts the run and watches it to its end, so that the ledger is true even of what no mirror task waits for.

    It succeeds when the run has ended, however: the mirror tasks show how, and Airflow fails the DAG run where they
    fail. So mending and clearing one of them mends the DAG run. To mark this task failed stops the run on AWS.

    Clearing it with the whole DAG run restarts nothing: the mirror tasks cleared with it know which of them are meant.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "wait_for_completion": True, "deferrable": True, "cancel_on_kill": True})

    def _state(self, known: Attachment) -> str:
        return "running"

    def _conclude(self, handle: RunHandle, state: str, counts: Mapping[str, int]) -> dict[str, Any]:
        if state != "success":
            self.log.error("the run on AWS has failed:\n%s", runs.outcome_error(self.hook, handle))
        return self._result(handle, state, counts)
