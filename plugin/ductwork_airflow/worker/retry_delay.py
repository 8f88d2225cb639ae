"""How long a task that failed waits for its next try, where AWS Batch starts that try at once.

The run's item says how a task waits, in ``tasks``: ``retry_delay`` (seconds), ``retry_backoff`` (the factor of each
further try; none if absent) and ``max_retry_delay`` (seconds; no bound if absent).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ductwork_airflow.execution_api.times import moment
from ductwork_airflow.ledger import Item

_LONGEST_SECONDS = 24 * 60 * 60  # Airflow's MAX_RETRY_DELAY


def next_try_at(run: Item, task_id: str, facts: Mapping[str, Any], item: Item) -> datetime | None:
    """When the next try may start; None if the task instance does not wait for one.

    :param facts: what the run's item says of the task
    """
    if item.get("state") != "up_for_retry" or "ended_at" not in item:
        return None
    return moment(item["ended_at"]) + timedelta(seconds=_seconds(run, task_id, facts, item))


def _seconds(run: Item, task_id: str, facts: Mapping[str, Any], item: Item) -> float:
    # What a retry policy has decided goes before what the task says.
    if item.get("retry_delay") is not None:
        return float(item["retry_delay"])
    delay, factor = float(facts.get("retry_delay", 0)), float(facts.get("retry_backoff") or 1)
    if factor == 1:
        return delay
    delay = _backed_off(run, task_id, delay, factor, int(item["try_number"]))
    return min(delay, float(facts.get("max_retry_delay") or math.inf))


def _backed_off(run: Item, task_id: str, delay: float, factor: float, number: int) -> float:
    """Airflow's ``TaskInstance.next_retry_datetime``, to the second: its jitter follows from the task's names."""
    try:
        least = max(math.ceil(delay * factor ** (number - 1)), 1)
    except OverflowError:
        least = _LONGEST_SECONDS
    date = moment(run["logical_date"]) if run.get("logical_date") else None
    seed = f"{run['dag_id']}#{task_id}#{date}#{number}".encode()
    jitter = int(hashlib.sha1(seed, usedforsecurity=False).hexdigest(), 16) % least
    return float(min(least + jitter, _LONGEST_SECONDS))
