"""What the mirrors of all targets share: the counts, and how often to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ductwork.contracts.run_item import RunItem, tasks_of
from ductwork.contracts.task_facts import Facts, is_absent
from ductwork.contracts.task_item import MapItem, TaskItem

from ductwork_airflow.ledger import TaskKey
from ductwork_airflow.reporting.report import NOT_BEGUN, count_mapped
from ductwork_airflow.run_model.handle import RunProgress

BUSY_SECONDS = 1.0
IDLE_SECONDS = 30.0
_GROWTH = 1.5
_ITEMS_A_SECOND = 250


class PollPace:
    """Turns what each look found into progress.

    The wait is a second while things change, and grows to half a minute while they do not. It is longer for thousands
    of task instances, all of which each look reads.
    """

    def __init__(self) -> None:
        self._seen: dict[TaskKey, tuple[str | None, int | None]] = {}
        self._wait = BUSY_SECONDS
        self.last = RunProgress("running", wait=BUSY_SECONDS)

    def progress(
        self, run: RunItem | None, items: Sequence[TaskItem], mapped: Mapping[str, MapItem] | None = None
    ) -> RunProgress:
        """What has changed since the last look, and how many seconds to wait before the next.

        :param mapped: see :meth:`Ledger.mapped`, for runs with array jobs
        """
        run = run or {}
        now = {(item["task_id"], item["map_index"]): (item.get("state"), item.get("try_number")) for item in items}
        changed = sum(self._seen.get(key) != value for key, value in now.items())
        self._seen = now
        busy = min(max(BUSY_SECONDS, len(items) / _ITEMS_A_SECOND), IDLE_SECONDS)
        self._wait = busy if changed else min(max(self._wait * _GROWTH, busy), IDLE_SECONDS)
        state = run.get("state", "running") if "ended_at" in run else "running"
        made = {task_id: own for task_id, own in tasks_of(run).items() if not is_absent(own)}
        counts = count(made, items, mapped or {})
        self.last = RunProgress(state, counts, changed, run.get("error"), self._wait)
        return self.last


def count(tasks: Facts, items: Sequence[TaskItem], mapped: Mapping[str, MapItem]) -> dict[str, int]:
    """Task instances by state."""
    begun = {item["task_id"] for item in items} | mapped.keys()
    states = Counter(item.get("state") or NOT_BEGUN for item in items if item["map_index"] < 0)
    for found in count_mapped(items, mapped).values():
        states.update(found)
    states[NOT_BEGUN] += sum(task_id not in begun for task_id in tasks)
    return {state: number for state, number in sorted(states.items()) if number}
