"""What the mirrors of all targets share: the counts, and how often to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ductwork_airflow.ledger import Item
from ductwork_airflow.report import NOT_BEGUN, count_mapped
from ductwork_airflow.submit.remote import RunProgress

BUSY_SECONDS = 1.0
IDLE_SECONDS = 30.0
_GROWTH = 1.5
_ITEMS_A_SECOND = 250


class Looks:
    """Turns what each look found into progress.

    The wait is a second while things change, and grows to half a minute while they do not. It is longer for thousands
    of task instances, all of which each look reads.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._wait = BUSY_SECONDS
        self.last = RunProgress("running", wait=BUSY_SECONDS)

    def progress(
        self, run: Item | None, items: Sequence[Item], mapped: Mapping[str, Item] | None = None
    ) -> RunProgress:
        """
        :param mapped: see :meth:`Ledger.mapped`, for runs with array jobs
        """
        run = run or {}
        now = {(item["task_id"], item["map_index"]): (item.get("state"), item.get("try_number")) for item in items}
        changed = sum(self._seen.get(key) != value for key, value in now.items())
        self._seen = now
        busy = min(max(BUSY_SECONDS, len(items) / _ITEMS_A_SECOND), IDLE_SECONDS)
        self._wait = busy if changed else min(max(self._wait * _GROWTH, busy), IDLE_SECONDS)
        state = run.get("state", "running") if "ended_at" in run else "running"
        counts = count(run.get("tasks") or {}, items, mapped or {})
        self.last = RunProgress(state, counts, changed, run.get("error"), self._wait)
        return self.last


def count(tasks: Mapping[str, Any], items: Sequence[Item], mapped: Mapping[str, Item]) -> dict[str, int]:
    """Task instances by state."""
    begun = {item["task_id"] for item in items} | mapped.keys()
    states = Counter(item.get("state") or NOT_BEGUN for item in items if item["map_index"] < 0)
    for found in count_mapped(items, mapped).values():
        states.update(found)
    states[NOT_BEGUN] += sum(task_id not in begun for task_id in tasks)
    return {state: number for state, number in sorted(states.items()) if number}
