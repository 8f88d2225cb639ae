"""The twin's additional task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ductwork_airflow.airflow_side.attachments import Attachment
from ductwork_airflow.operators import SubmitScheduleOperator
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle

if TYPE_CHECKING:
    pass


class StartTask(SubmitScheduleOperator):
    """Starts the run and watches it until it ends, so that the ledger is up to date even where no mirror task waits.

    It succeeds when the run has ended, whatever the result: the mirror tasks show that, and Airflow fails the DAG run
    if they fail. So repairing and clearing one of them repairs the DAG run. Marking this task failed stops the run on
    AWS.

    Clearing it with the whole DAG run restarts nothing: the mirror tasks cleared with it know which of them are meant.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "wait_for_completion": True, "deferrable": True, "cancel_on_kill": True})

    def _state(self, attachment: Attachment) -> str:
        return "running"

    def _conclude(self, handle: RunHandle, state: str, counts: Mapping[str, int]) -> dict[str, object]:
        if state != "success":
            self.log.error("the run on AWS has failed:\n%s", lifecycle.outcome_error(self.hook, handle))
        return self._result(handle, state, counts)
