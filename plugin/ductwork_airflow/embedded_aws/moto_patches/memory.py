"""Patches to what moto keeps of executions: a run of thousands of tasks is to fit into memory, and to be looked at."""

from __future__ import annotations

import pickle
import threading
import zlib
from collections.abc import Sequence

from moto.core.responses import ActionResult
from moto.stepfunctions.parser import utils
from moto.stepfunctions.parser.api import HistoryEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import BranchWorker
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.responses import StepFunctionResponse

_CHUNK = 100


class History:
    """The events of one execution, packed but for the newest; a tenth of what the objects take."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._newest: list[HistoryEvent] = []

    def __len__(self) -> int:
        return len(self._packed) * _CHUNK + len(self._newest)

    def append(self, event: HistoryEvent) -> None:
        """Add an event after all others."""
        self._newest.append(event)
        if len(self._newest) == _CHUNK:
            self._packed.append(zlib.compress(pickle.dumps(self._newest, pickle.HIGHEST_PROTOCOL), 1))
            self._newest = []

    def between(self, start: int, end: int) -> list[HistoryEvent]:
        """The events from place ``start`` to before ``end``, unpacking no others."""
        first, last = start // _CHUNK, -(-end // _CHUNK)
        found: list[HistoryEvent] = []
        for chunk in self._packed[first:last]:
            found += pickle.loads(zlib.decompress(chunk))
        if last > len(self._packed):
            found += self._newest
        return found[start - first * _CHUNK : end - first * _CHUNK]


def patch_histories() -> None:
    """moto keeps all events of an execution as objects, and copies them all for each page that is asked for."""
    init = EventManager.__init__

    def initialised(self: EventManager, *args: object, **kwargs: object) -> None:
        init(self, *args, **kwargs)
        self._history_event_list = History()

    def get_event_history(self: EventManager) -> list[HistoryEvent]:
        with self._mutex:
            events: History = self._history_event_list
            return events.between(0, len(events))

    def get_execution_history(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        start, count = int(self._get_param("nextToken") or 0), int(self._get_param("maxResults") or 100)
        environment = execution.exec_worker.env
        if environment is None:  # it has not begun
            return ActionResult({"events": []})
        manager = environment.event_manager
        with manager._mutex:
            events, size = manager._history_event_list, len(manager._history_event_list)
            if self._get_param("reverseOrder"):
                page: Sequence[HistoryEvent] = events.between(max(0, size - start - count), max(0, size - start))[::-1]
            else:
                page = events.between(min(start, size), min(start + count, size))
        reply: dict[str, object] = {"events": page}
        if start + count < size:
            reply["nextToken"] = str(start + count)
        return ActionResult(reply)

    EventManager.__init__ = initialised
    EventManager.get_event_history = get_event_history
    StepFunctionResponse.get_execution_history = get_execution_history


def patch_thread_lists() -> None:
    """moto names the thread of each branch after all that is in the branch, and keeps all threads for ever."""
    run = ExecutionWorker._execution_logic

    def start(self: BranchWorker) -> None:
        self._worker_thread = threading.Thread(target=self._thread_routine, name="BranchWorker", daemon=True)
        self._worker_thread.start()

    def execution_logic(self: ExecutionWorker) -> None:
        try:
            run(self)
        finally:
            utils.TMP_THREADS.clear()  # nobody reads it

    BranchWorker.start = start
    ExecutionWorker._execution_logic = execution_logic


PATCHES = (patch_histories, patch_thread_lists)
