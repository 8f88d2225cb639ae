"""Waiting for a remote run in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import ParamSpec, TypedDict, TypeVar, cast

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError

from ductwork_airflow.airflow_side.attachments import Attachments
from ductwork_airflow.airflow_side.task_state import MARKED, own_state
from ductwork_airflow.airflow_side.trigger_delay import Deferral
from ductwork_airflow.airflow_side.waiting import pace, plain_counts, watch
from ductwork_airflow.compat import tells_triggers_of_kills
from ductwork_airflow.hooks import SETTINGS, DuctworkHook, HookSettings
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.run_model.handle import HandleDict, RunHandle, RunProgress, Watcher
from ductwork_airflow.runs import lifecycle

KILL_REASON = "the task that submitted it was stopped in Airflow"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RunEvent(TypedDict):
    """What the trigger tells the task.

    :ivar status: ``ended``, ``deadline``, ``attempts`` or ``error``
    :ivar state: the run's, if it has ended
    """

    status: str
    handle: HandleDict
    state: str | None
    counts: dict[str, int]
    message: str | None


class RunTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires once, when the run has ended or cannot be watched any longer.

    The event is plain data: ``{"status": "ended" | "deadline" | "attempts" | "error", "handle", "state", "counts",
    "message"}``. ``error``: AWS refuses to be asked.

    AWS is asked in threads, never on the event loop, and by one connection's clients for the trigger's whole life.

    :param handle: a RunHandle as plain data
    :param settings: the hook's: every one of ``aws_conn_id``, ``region_name``, ``verify`` and ``botocore_config``
    :param waiter_delay: the least number of seconds between looks; None lets the run's own pace decide
    :param waiter_max_attempts: how many looks; the count begins again when the triggerer restarts
    :param deadline: epoch seconds, or None
    :param attachment: key of the task's :class:`~ductwork_airflow.airflow_side.attachments.Attachment`
    :param cancel_on_kill: stop the run when a user marks the task failed or successful. Clear does not stop it: the
        next try re-attaches
    """

    def __init__(
        self,
        *,
        handle: HandleDict,
        settings: HookSettings,
        waiter_delay: int | None,
        waiter_max_attempts: int,
        deadline: float | None = None,
        attachment: Sequence[str] | None = None,
        cancel_on_kill: bool = True,
    ) -> None:
        super().__init__()
        self.handle = RunHandle.from_dict(handle)
        self.settings = cast(HookSettings, {name: settings.get(name) for name in SETTINGS})
        self.waiter_delay = waiter_delay
        self.waiter_max_attempts = waiter_max_attempts
        self.deadline = deadline
        self.attachment = list(attachment) if attachment else None
        self.cancel_on_kill = cancel_on_kill
        self._watcher: Watcher | None = None

    def serialize(self) -> tuple[str, dict[str, object]]:
        """Classpath and constructor arguments, plain JSON, as Airflow stores triggers."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "handle": self.handle.as_dict(),
                "settings": self.settings,
                "waiter_delay": self.waiter_delay,
                "waiter_max_attempts": self.waiter_max_attempts,
                "deadline": self.deadline,
                "attachment": self.attachment,
                "cancel_on_kill": self.cancel_on_kill,
            },
        )

    def _poll(self) -> RunProgress:
        if self._watcher is None:
            self._watcher = watch(self.settings, self.handle)
        return self._watcher.poll()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when the run has ended or can no longer be followed; cancelling it may stop the run."""
        deferral = Deferral()
        try:
            event = await self._watch()
            await deferral.over()
            yield TriggerEvent(event)
        except asyncio.CancelledError:
            if not tells_triggers_of_kills():
                await self.on_kill()
            raise

    async def _watch(self) -> RunEvent:
        for _ in range(self.waiter_max_attempts):
            try:
                progress = await _in_thread(self._poll)
            except (ClientError, BotoCoreError) as error:
                return self._event("error", message=f"run {self.handle.run_id} cannot be watched: {error}")
            if progress.ended:
                return self._event("ended", progress.state, progress.counts, progress.error)
            wait = pace(progress, self.waiter_delay)
            if self.deadline is not None and time.time() + wait > self.deadline:
                await asyncio.sleep(max(0.0, self.deadline - time.time()))
                return self._event("deadline", message="the execution_timeout is over")
            await asyncio.sleep(wait)
        return self._event("attempts", message=f"the run has not ended after {self.waiter_max_attempts:,} looks")

    def _event(
        self,
        status: str,
        state: str | None = None,
        counts: Mapping[str, int] | None = None,
        message: str | None = None,
    ) -> RunEvent:
        return {
            "status": status,
            "handle": self.handle.as_dict(),
            "state": state,
            "counts": plain_counts(counts),
            "message": message,
        }

    async def on_kill(self) -> None:
        """Stop the run if a user has marked the task; leave it to the next try if the task was cleared."""
        if not self.cancel_on_kill or self.task_instance is None:
            return
        if await _in_thread(own_state, self.task_instance) not in MARKED:
            return
        self.log.info("Stopping run %s of %s", self.handle.run_id, self.handle.dag_id)
        await _in_thread(self._stop)

    def _stop(self) -> None:
        hook = DuctworkHook.from_settings(self.settings)
        if self.attachment:
            ledger = Ledger(self.handle.ledger_table, hook.client("dynamodb"))
            Attachments(ledger, self.attachment).mark_killed(self.handle)
        # Not the watcher that polls: a thread may be in the midst of that.
        lifecycle.watcher(hook, self.handle).stop(KILL_REASON)


async def _in_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    # Not asyncio.to_thread: reading the connection goes through the triggerer's event loop, which asgiref's threads
    # know to reach. Not the thread that all triggers would share either.
    return await sync_to_async(function, thread_sensitive=False)(*args, **kwargs)
