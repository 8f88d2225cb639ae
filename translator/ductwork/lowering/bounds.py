"""How often, how long and how many at a time: Airflow takes any number, AWS does not."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork import ir
from ductwork.contracts.ledger import pool_key, run_limit_key, task_limit_key
from ductwork.contracts.stepfunctions_limits import MAX_TIMEOUT_SECONDS
from ductwork.ir.snapshot import TaskSnapshot

# Of a pool: Airflow's way to say that it limits nothing.
_ANY_NUMBER = -1
# The longest delay that grows; one second has then grown to it at once.
_DAY = 86_400.0


def retry(task: TaskSnapshot) -> ir.Retry:
    """The retries of a task; negative numbers are 0, as under Airflow: no retry, no delay, no growth."""
    longest = task.max_retry_delay
    return ir.Retry(
        max(0, task.retries),
        max(0.0, task.retry_delay),
        min(max(0.0, task.retry_backoff), _DAY),
        max(1.0, longest) if longest else None,
        policy=bool(task.settings.get("retry_policy")),
    )


def dagrun_timeout(seconds: float | None) -> float | None:
    """Seconds, at least 1: a limit that has passed before the run begins ends it at once.

    None for no limit, or for one of years, which no execution reaches.
    """
    return max(1.0, seconds) if seconds and seconds <= MAX_TIMEOUT_SECONDS else None


def slots(dag_id: str, task: TaskSnapshot, pools: Mapping[str, int]) -> tuple[ir.Slots, ...]:
    """The limits a task is under, in the order in which every task takes its slots."""
    limits: list[ir.Slots] = []
    if limit := task.settings.get("max_active_tis_per_dag"):
        limits.append(ir.Slots("own", "max_active_tis_per_dag", task_limit_key(dag_id, task.task_id), int(limit)))
    # Of a mapped task a Map knows; of any other there is one instance in a run.
    if task.mapped_group and (limit := task.settings.get("max_active_tis_per_dagrun")):
        key = run_limit_key(task.task_id)
        limits.append(ir.Slots("run's own", "max_active_tis_per_dagrun", key, int(limit)))
    if pools.get(pool := str(task.settings.get("pool") or ""), _ANY_NUMBER) != _ANY_NUMBER:
        limits.append(
            ir.Slots(f"pool {pool}", "pool", pool_key(pool), pools[pool], int(task.settings.get("pool_slots") or 1))
        )
    return tuple(limits)
