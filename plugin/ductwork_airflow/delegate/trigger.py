"""Waits in the triggerer for the outcome of one remote task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from ductwork.ledger_schema import TERMINAL_STATES, UNMAPPED

from ductwork_airflow.deferral import Deferral
from ductwork_airflow.delegate.watch import shared


class MirrorTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when the task instance has ended, or the run without it: the mirror task then reads the ledger itself.

    :param connection: the hook's settings
    :param past_run: the ``ended_at`` of the run as it was before a restart; such an end does not count
    :param past_task: the same of the task
    """

    def __init__(
        self,
        *,
        dag_id: str,
        run_id: str,
        task_id: str,
        submit_task_id: str,
        target: str,
        ledger_table: str,
        connection: Mapping[str, Any],
        poll_interval: float,
        map_index: int = UNMAPPED,
        past_run: str | None = None,
        past_task: str | None = None,
    ) -> None:
        super().__init__()
        self.mirrored = (dag_id, run_id, task_id, map_index)
        self.submit_task_id = submit_task_id
        self.target = target
        self.ledger_table = ledger_table
        self.connection = dict(connection)
        self.poll_interval = poll_interval
        self.past_run = past_run
        self.past_task = past_task
        self._told: tuple[Any, ...] = ()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        dag_id, run_id, task_id, map_index = self.mirrored
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": task_id,
            "map_index": map_index,
            "submit_task_id": self.submit_task_id,
            "target": self.target,
            "ledger_table": self.ledger_table,
            "connection": self.connection,
            "poll_interval": self.poll_interval,
            "past_run": self.past_run,
            "past_task": self.past_task,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        deferral = Deferral()
        payload = await self._awaited()
        await deferral.over()
        yield TriggerEvent(payload)

    async def _awaited(self) -> dict[str, Any]:
        dag_id, run_id, task_id, map_index = self.mirrored
        watch = shared(
            self.submit_task_id,
            self.poll_interval,
            dag_id=dag_id,
            run_id=run_id,
            target=self.target,
            ledger_table=self.ledger_table,
            connection=self.connection,
        )
        while True:
            seen = await watch.look()
            item = seen.item(task_id, map_index)
            self._tell(item)
            if _ended(item, self.past_task) or (seen.run and _ended(seen.run, self.past_run)):
                watch.linger()
                return {"ended": True}
            if seen.run is None and seen.submit in TERMINAL_STATES:
                return {"refused": f"there is no run on AWS: task {self.submit_task_id} is {seen.submit}"}
            await asyncio.sleep(seen.wait)

    def _tell(self, item: Mapping[str, Any]) -> None:
        """Let people see what goes on: a line of the task's log per change."""
        facts = tuple(item.get(name) for name in ("state", "try_number", "job_id", "log_stream"))
        if item and facts != self._told:
            self.log.info("on AWS: %s, try %s, job %s, log stream %s", *facts)
            self._told = facts


def _ended(item: Mapping[str, Any], past: str | None) -> bool:
    ended_at = item.get("ended_at")
    return ended_at is not None and ended_at != past
