"""A trigger must not fire while the process that deferred its task is still being cleared away.

Airflow's supervisor notices the end of a task's process only at its next look, up to ``[workers]
min_heartbeat_interval`` seconds later. If the trigger has fired by then and the task is queued again, the scheduler
takes the late report for that of the new process: "finished with state success, but the task instance's state attribute
is queued", and fails the try. (Seen with Airflow 3.3.2 and the LocalExecutor.)
"""

from __future__ import annotations

import asyncio
import time

_MARGIN_SECONDS = 2.0  # for the report to get from the executor to the scheduler


class Deferral:
    """Made when a trigger starts to run, which is after its task was deferred."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def over(self) -> None:
        """Wait until the task may be resumed; no time at all for a trigger that has waited longer anyway."""
        from airflow.configuration import conf

        needed = conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0) + _MARGIN_SECONDS
        await asyncio.sleep(max(0.0, self._since + needed - time.monotonic()))
