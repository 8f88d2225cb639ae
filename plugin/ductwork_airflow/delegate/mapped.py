"""A mapped task as its one mirror task sees it: all its instances as one item.

What a mirror task notes on an outcome goes to the ledger's item of the expansion, which exists once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ductwork import ledger_schema as schema

from ductwork_airflow.ledger import Item
from ductwork_airflow.report import count_mapped

# As Airflow colours a mapped task by its instances: the first of these that any of them is in.
_PRECEDENCE = ("failed", "upstream_failed", "success", "skipped", "removed")


def gather(instances: Sequence[Item], expansion: Item) -> Item:
    """One item for all instances of a task. Its ``state`` is ``running`` until all of them have ended.

    :param expansion: the ledger's item of what the task expanded to
    :return: with ``counts``: instances by state
    """
    task_id = expansion["sk"].removeprefix(schema.map_sk(""))
    counts = count_mapped(instances, {task_id: expansion}).get(task_id, {})
    found: dict[str, Any] = {**expansion, "task_id": task_id, "map_index": schema.UNMAPPED, "counts": counts}
    if not counts.keys() <= schema.TERMINAL_STATES:
        return {**found, "state": "running"}
    state = next(state for state in _PRECEDENCE if state in counts)
    ended = [item for item in instances if item["state"] == state]
    last = max(ended, key=lambda item: str(item.get("ended_at", "")))
    return {
        **found,
        "state": state,
        "try_number": max(int(item.get("try_number", 0)) for item in instances),
        "ended_at": max(str(item.get("ended_at", "")) for item in instances),
        "error": _error(last) if state == "failed" else None,
    }


def _error(item: Item) -> str:
    return f"instance {item['map_index']}: {item.get('error') or 'it failed without a message'}"
