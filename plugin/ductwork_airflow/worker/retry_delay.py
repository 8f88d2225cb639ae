"""How long a task that failed waits for its next try: in its container, where AWS Batch starts that try at once, or in
a state machine, which is told.

The run's item says how a task waits, in ``tasks``: ``retry_delay`` (seconds), ``retry_backoff`` (the factor of each
further try; none if absent) and ``max_retry_delay`` (seconds; no bound if absent).
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta

from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import TaskFacts
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.ledger import moment

_MOST_SECONDS = 366 * 86_400  # a policy may say more; no run lasts so long
_LONGEST_SECONDS = 24 * 60 * 60  # Airflow's MAX_RETRY_DELAY


def next_try_at(run: RunItem, task_id: str, facts: TaskFacts, item: TaskItem) -> datetime | None:
    """When the next try may start; None if the task instance does not wait for one.

    :param facts: what the run's item says of the task
    """
    if item.get("state") != "up_for_retry" or "ended_at" not in item:
        return None
    seconds = min(_seconds(run, task_id, facts, item), _MOST_SECONDS)
    return moment(item["ended_at"]) + timedelta(seconds=seconds)


def _seconds(run: RunItem, task_id: str, facts: TaskFacts, item: TaskItem) -> float:
    # What a retry policy has decided goes before what the task says.
    if item.get("retry_delay") is not None:
        return float(item["retry_delay"])
    delay, factor = float(facts.get("retry_delay", 0)), float(facts.get("retry_backoff") or 1)
    if factor == 1:
        return delay
    delay = _backed_off(run, task_id, delay, factor, int(item["try_number"]))
    return min(delay, float(facts.get("max_retry_delay") or math.inf))


def _backed_off(run: RunItem, task_id: str, delay: float, factor: float, number: int) -> float:
    """Airflow's ``TaskInstance.next_retry_datetime``, to the second: its jitter follows from the task's names."""
    try:
        least = max(math.ceil(delay * factor ** (number - 1)), 1)
    except OverflowError:
        least = _LONGEST_SECONDS
    date = moment(run["logical_date"]) if run.get("logical_date") else None
    seed = f"{run['dag_id']}#{task_id}#{date}#{number}".encode()
    jitter = int(hashlib.sha1(seed, usedforsecurity=False).hexdigest(), 16) % least
    return float(min(least + jitter, _LONGEST_SECONDS))
