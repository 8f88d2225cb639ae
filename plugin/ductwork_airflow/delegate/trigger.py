"""Waits in the triggerer for the outcome of one remote task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from weakref import WeakSet

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import TaskItem, ended

from ductwork_airflow.airflow_side.task_state import MARKED, own_state
from ductwork_airflow.airflow_side.trigger_delay import Deferral
from ductwork_airflow.compat import tells_triggers_of_kills
from ductwork_airflow.delegate import outcomes, remote_log
from ductwork_airflow.delegate.watch import RunWatch, Sight, in_thread, shared
from ductwork_airflow.hooks import HookSettings

_LOG_SECONDS, _PER_LOG_SECONDS = 5.0, 0.2
_MOST_LINES = 1000  # of a look at a log
_following: WeakSet[MirrorTrigger] = WeakSet()


class MirrorTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when the task instance has ended, or the run without it: the mirror task then reads the ledger itself.

    :param dag_id: with ``run_id`` and ``map_index``; left out where Airflow's scheduler starts the trigger, without a
        process of the task's, so that its task instance tells them
    :param connection: the hook's settings
    :param past_run: the ``ended_at`` of the run as it was before a restart; such an end does not count
    :param past_task: the same of the task
    :param foreign: the run in the ledger is another DAG run's, until it has run again
    """

    def __init__(
        self,
        *,
        task_id: str,
        submit_task_id: str,
        target: str,
        ledger_table: str,
        connection: HookSettings,
        poll_interval: float,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int = UNMAPPED,
        past_run: str | None = None,
        past_task: str | None = None,
        foreign: bool = False,
    ) -> None:
        super().__init__()
        self._named = (dag_id, run_id, task_id, map_index)
        self.submit_task_id = submit_task_id
        self.target = target
        self.ledger_table = ledger_table
        self.connection = connection.copy()
        self.poll_interval = poll_interval
        self.past_run = past_run
        self.past_task = past_task
        self.foreign = foreign
        self._told: tuple[object, ...] = ()
        self._follower: remote_log.Follower | None = None
        self._look_at_log = 0.0

    @property
    def mirrored(self) -> tuple[str, str, str, int]:
        """DAG id, run id, task id and map index of what is waited for."""
        dag_id, run_id, task_id, map_index = self._named
        if dag_id is not None and run_id is not None:
            return dag_id, run_id, task_id, map_index
        ti = self.task_instance
        assert ti is not None, "Airflow gives each trigger its task instance"
        return ti.dag_id, ti.run_id, task_id, UNMAPPED if ti.map_index is None else ti.map_index

    def serialize(self) -> tuple[str, dict[str, object]]:
        """Classpath and constructor arguments, plain JSON, as Airflow stores triggers."""
        dag_id, run_id, task_id, map_index = self._named
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
            "foreign": self.foreign,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when there is something for the task to do; its payload is what the task's method gets."""
        deferral = Deferral()
        try:
            payload = await self._awaited()
            if self._named[0] is not None:  # a process has deferred the task
                await deferral.over()
            yield TriggerEvent(payload)
        except asyncio.CancelledError:
            if not tells_triggers_of_kills():
                await self.on_kill()
            raise

    async def on_kill(self) -> None:
        """End the task on AWS if a user has marked it: what is below goes on by the mark. Clear stops nothing."""
        if self.task_instance is None or self.foreign:
            return
        state = await in_thread(own_state, self.task_instance)
        if state in MARKED:
            self.log.info("marked %s: ending the task on AWS", state)
            await in_thread(self._watch().mark, *self.mirrored[2:], state)

    def _watch(self) -> RunWatch:
        dag_id, run_id, _, _ = self.mirrored
        return shared(
            self.submit_task_id,
            self.poll_interval,
            dag_id=dag_id,
            run_id=run_id,
            target=self.target,
            ledger_table=self.ledger_table,
            connection=self.connection,
        )

    async def _awaited(self) -> dict[str, object]:
        _, _, task_id, map_index = self.mirrored
        watch = self._watch()
        first: Sight | None = None
        while True:
            seen = await watch.look()
            first = first or seen
            item = seen.item(task_id, map_index)
            if self._tell(item):
                await in_thread(self._link, watch, seen.run, item)
            if item.get("job_id"):
                await self._follow(watch, item)
            # A try that is to be followed by another has an end too, which is not the task's.
            if (ended(item) and _ended(item, self.past_task)) or (seen.run and _ended(seen.run, self.past_run)):
                watch.linger()
                read = self._follower.read if self._follower else {}
                return {"ended": True, "read": read} if read else {"ended": True}
            # What others saw before this trigger was here may be of a DAG run that was deleted since.
            is_new = not self.foreign or seen is not first
            if (seen.run is None or self.foreign) and is_new and seen.submit in TERMINAL_STATES:
                return {"refused": f"{self._no_run()}: task {self.submit_task_id} is {seen.submit}"}
            await asyncio.sleep(seen.wait)

    async def _follow(self, watch: RunWatch, item: TaskItem) -> None:
        """Show what the task has logged since the last look at its log, and link to it. The calls of all triggers of
        this process together stay below what an account may ask of CloudWatch.
        """
        runs = item.get("state") == "running"
        if not (runs or (self._follower and ended(item))):
            return
        moment = time.monotonic()
        if runs and moment < self._look_at_log:
            return
        self._follower = self._follower or remote_log.Follower(watch.remote)
        self._look_at_log = moment + max(_LOG_SECONDS, _PER_LOG_SECONDS * len(_following))
        _following.add(self)
        for line in await in_thread(self._follower.news, item, _MOST_LINES):
            line.show(remote_log.logger())

    def _no_run(self) -> str:
        return "the run on AWS is not this DAG run's" if self.foreign else "there is no run on AWS"

    def _link(self, watch: RunWatch, run: RunItem | None, item: TaskItem) -> None:
        """Make the links work while the task runs."""
        try:
            outcomes.push_links(outcomes.Instance(*self.mirrored), watch.remote, run, item)
        except (AirflowRuntimeError, BotoCoreError, ClientError) as error:
            self.log.warning("there will be no links before the end: %s", error)

    def _tell(self, item: TaskItem) -> bool:
        """Write a line to the task's log for each change, so that people see what is going on. Whether there is one."""
        facts = tuple(item.get(name) for name in ("state", "try_number", "job_id", "log_stream"))
        if item and facts != self._told:
            named = zip(("%s", "try %s", "job %s", "log stream %s"), facts, strict=True)
            self.log.info("on AWS: %s", ", ".join(form % fact for form, fact in named if fact is not None))
            self._told = facts
            return True
        return False


def _ended(item: TaskItem | RunItem, past: str | None) -> bool:
    ended_at = item.get("ended_at")
    return ended_at is not None and ended_at != past
