"""One look at a run serves all its mirror triggers of a triggerer.

A thousand deferred mirror tasks ask for the state of their run; whoever comes first after the interval looks, for all.
So the calls to AWS grow with the number of runs, not with that of tasks or of a mapped task's instances.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ParamSpec, TypedDict, TypeVar
from weakref import WeakValueDictionary

from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.run_item import RunItem, tasks_of
from ductwork.contracts.task_item import TaskItem, ended

from ductwork_airflow.airflow_side.waiting import PATIENCE_SECONDS, is_transient
from ductwork_airflow.delegate.remote_run import RemoteRun
from ductwork_airflow.ledger import TaskKey
from ductwork_airflow.run_model.handle import RunHandle, Watcher

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ductwork_airflow.hooks import HookSettings

log = logging.getLogger(__name__)

LINGER_SECONDS = 120.0
_FAULT_SECONDS = 15.0
_MARKS_SECONDS = 15.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Place(TypedDict):
    """The fields of :class:`RemoteRun`."""

    dag_id: str
    run_id: str
    target: str
    ledger_table: str
    connection: HookSettings


@dataclass(frozen=True)
class Sight:
    """What a look at the run found.

    :param run: None while the run is not in the ledger
    :param submit: state in Airflow of the task that starts the run
    :param wait: seconds until the next look is worth its calls
    """

    run: RunItem | None = None
    submit: str | None = None
    items: Mapping[TaskKey, TaskItem] = field(default_factory=dict)
    wait: float = 5.0

    def item(self, task_id: str, map_index: int) -> TaskItem:
        """As :meth:`RemoteRun.task` has it; empty while the ledger does not know it."""
        return self.items.get((task_id, map_index)) or self.items.get((task_id, UNMAPPED)) or {}

    def goes_on(self) -> bool:
        """Whether the run has begun and not ended."""
        return self.run is not None and "ended_at" not in self.run


class RunWatch:
    """Looks at one run for all triggers of this process that wait for its tasks.

    :param submit_task_id: the task that starts the run. While it is there, it keeps the ledger true to AWS, and a look
        reads the ledger alone; after a restart of the run, the watch does so itself
    :param interval: seconds between two looks, at least
    """

    def __init__(self, remote: RemoteRun, submit_task_id: str, interval: float) -> None:
        self.remote = remote
        self._submit_task_id = submit_task_id
        self._interval = interval
        self._lock = asyncio.Lock()
        self._watcher: Watcher | None = None
        self._watched: RunHandle | None = None
        self._sight = Sight(wait=interval)
        self._looked = float("-inf")
        self._faulty_since: float | None = None
        self._asked_all = time.monotonic()
        self._until = 0.0
        self._name = f"ductwork watch {id(self)}"

    async def look(self) -> Sight:
        """What the last look found, or a new one finds if it is time for one.

        :raises ClientError: AWS refuses, or has for longer than patience lasts
        :raises BotoCoreError: the same
        """
        async with self._lock:
            if time.monotonic() - self._looked >= self._sight.wait:
                await self._renew()
            return self._sight

    def linger(self) -> None:
        """Go on looking for a while after a trigger has left: it may have been the last.

        What Airflow decides by its trigger rules has no mirror task that waits for it. After a restart, when the submit
        task is gone, the ledger still has to learn from AWS how these tasks, and with them the run, have ended.
        """
        self._until = time.monotonic() + LINGER_SECONDS
        if not any(task.get_name() == self._name for task in _lingering):
            task = asyncio.get_running_loop().create_task(self._linger(), name=self._name)
            _lingering.add(task)
            task.add_done_callback(_lingering.discard)

    async def _linger(self) -> None:
        try:
            while self._sight.goes_on() and time.monotonic() < self._until:
                await asyncio.sleep(self._sight.wait)
                await self.look()
        except (ClientError, BotoCoreError) as error:
            log.warning("AWS refuses to be asked about run %s: %s", self.remote.run_id, error)

    async def _renew(self) -> None:
        self._sight = await in_thread(self._look)
        self._looked = time.monotonic()

    def _look(self) -> Sight:
        try:
            sight = self._see()
        except (ClientError, BotoCoreError) as error:
            since, self._faulty_since = self._faulty_since, self._faulty_since or time.monotonic()
            if not is_transient(error) or (since and time.monotonic() - since > PATIENCE_SECONDS):
                raise
            log.warning("AWS cannot be asked about run %s for now: %s", self.remote.run_id, error)
            self.remote, self._watcher = replace(self.remote), None  # with clients that read credentials again
            return replace(self._sight, wait=max(self._interval, _FAULT_SECONDS))
        self._faulty_since = None
        return sight

    def _see(self) -> Sight:
        # Older than Airflow's states: what is a success there without an end here has been marked.
        earlier = self._sight.items
        states, run, wait = self._states(), self.remote.run(), self._interval
        submit = states.get(self._submit_task_id)
        if run is None:
            return Sight(submit=submit, wait=wait)
        if "ended_at" not in run and submit in TERMINAL_STATES:
            wait = max(wait, self._poll(run))
            run = self.remote.run()
        if run is not None and "ended_at" not in run:
            for task_id, map_index in marked_success(run, earlier, states):
                self.mark(task_id, map_index, "success")
        return Sight(run, submit, self.remote.tasks(), wait)

    def _states(self) -> dict[str, str]:
        """Airflow's states of the tasks, by the names that it lists them under: in most looks of the submit task only.

        A task may be marked that has no trigger yet, so that nobody is told.
        """
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        dag_id, run_id = self.remote.dag_id, self.remote.run_id
        every = self._sight.goes_on() and time.monotonic() - self._asked_all >= _MARKS_SECONDS
        if every:
            self._asked_all = time.monotonic()
        of = {} if every else {"task_ids": [self._submit_task_id]}
        states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, run_ids=[run_id], **of).get(run_id, {})
        return {name: str(getattr(state, "value", state)) for name, state in states.items() if state is not None}

    def mark(self, task_id: str, map_index: int, state: str) -> bool:
        """End a task instance on AWS as a user has marked it in Airflow. Blocks.

        :return: False if it has ended already, or the run is another DAG run's
        """
        from ductwork_airflow.runs import marks

        run = self.remote.run()
        if run is None or not self.remote.is_attached(self._submit_task_id):
            return False
        return marks.mark(self.remote.clients, self.remote.ledger, run, task_id, state, map_index)

    def _poll(self, run: RunItem) -> float:
        """Bring the ledger up to date with what only AWS knows."""
        from ductwork_airflow.runs import lifecycle

        handle = self.remote.handle(run)
        if self._watcher is None or handle != self._watched:  # a restart is a new execution
            self._watcher, self._watched = lifecycle.watcher(self.remote.clients, handle), handle
        return self._watcher.poll().wait


def marked_success(run: RunItem, items: Mapping[TaskKey, TaskItem], states: Mapping[str, str]) -> list[TaskKey]:
    """The task instances that a user has marked success: mirror tasks are none before the ledger has an end of theirs.

    :param items: of the ledger, as they were before Airflow was asked
    :param states: Airflow's
    """
    mapped = {task_id for task_id, index in items if index >= 0}
    known = {(task_id, UNMAPPED) for task_id in tasks_of(run) if task_id not in mapped}
    names = {key: key[0] if key[1] < 0 else f"{key[0]}_{key[1]}" for key in known | items.keys()}
    return [key for key, name in names.items() if states.get(name) == "success" and not ended(items.get(key))]


async def in_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call what blocks. asgiref's threads know the way to the triggerer's event loop, which connections are read by."""
    return await sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


_lingering: set[asyncio.Task[None]] = set()
_watches: WeakValueDictionary[str, RunWatch] = WeakValueDictionary()


def shared(submit_task_id: str, interval: float, **place: Unpack[_Place]) -> RunWatch:
    """This process's watch of a run; it lives as long as something refers to it.

    :param place: the fields of :class:`RemoteRun`
    """
    key = json.dumps([submit_task_id, interval, place], sort_keys=True, default=str)
    watch = _watches.get(key)
    if watch is None:
        watch = _watches[key] = RunWatch(RemoteRun(**place), submit_task_id, interval)
    return watch
