"""A process beside the task's own that Airflow's supervisor serves as it serves a task: for triggers and callbacks."""

from __future__ import annotations

import attrs
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.supervisor import ActivitySubprocess

from ductwork_airflow.execution_api import Session


@attrs.define(kw_only=True)
class HelperProcess(ActivitySubprocess):  # type: ignore[misc]
    """Unlike a task's process it neither reports a start nor an end.

    :param session: learns the process's id, so that SIGTERM reaches the process
    """

    session: Session

    def _on_child_started(self, *, ti: TaskInstance, **_: object) -> None:
        self.ti = ti  # type: ignore[misc]
        self.session.pid = self.pid

    def update_task_state_if_needed(self) -> None:
        """Whoever started the process decides what follows from its end."""
