"""What clearing a mirror task means: its original runs again on AWS.

A mirror task that starts and finds an outcome in the ledger must know whether that outcome is news or what it was
cleared for. So whoever takes an outcome over leaves a mark on the ledger's item: which outcome (its ``ended_at``) and
Airflow's ``max_tries`` at that moment. Clearing raises ``max_tries``, a retry by Airflow does not. An outcome marked
with fewer ``max_tries`` than the task has now is therefore one that somebody wants to be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow.delegate.remote import Remote
from ductwork_airflow.ledger import Item

_MARK = "mirrored"


def wanted(item: Mapping[str, Any], max_tries: int) -> bool:
    """Whether this outcome has been taken over and the task has been cleared since."""
    if _skipped_by_rule(item):
        return False  # Airflow would skip it again at once, too
    mark = item.get(_MARK) or {}
    return mark.get("ended_at") == item.get("ended_at") and int(mark.get("max_tries", max_tries)) < max_tries


def mark_taken_over(remote: Remote, item: Mapping[str, Any], max_tries: int) -> None:
    mark = {"ended_at": item.get("ended_at"), "max_tries": max_tries}
    remote.ledger.update(item["pk"], item["sk"], {_MARK: mark}, condition="attribute_exists(pk)")


def look_again(remote: Remote, run: Item | None) -> Item:
    """The run after a look at AWS, if the ledger does not know its end: nobody may have looked since it ended."""
    from ductwork_airflow.submit import runs

    if run is not None and "ended_at" not in run:
        runs.watcher(remote.clients, remote.handle(run)).poll()
        run = remote.run()
    return run or {}


def restart(remote: Remote, task: Any, ti: Any) -> None:
    """Restart the task and all others that were cleared with it, unless another mirror task has done so.

    They were cleared together and start together, and a run is restarted once: who comes second finds it running.
    """
    from ductwork_airflow.submit import runs

    cleared = sorted(cleared_together(ti, remote.tasks(), task))
    task.log.info("restarting on AWS: %s", ", ".join(cleared))
    runs.restart(remote.clients, remote.handle(remote.run() or {}), cleared)


def cleared_together(ti: Any, items: Mapping[str, Mapping[str, Any]], task: Any) -> set[str]:
    """The tasks cleared with this one: Airflow does not know how they end, and the ledger does.

    Besides those whose outcome was taken over, this takes in what lies below them and was never more than skipped or
    upstream_failed. A task that Airflow has merely not caught up with is not among them.
    """
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    ended = {task_id for task_id, state in states.items() if str(getattr(state, "value", state)) in TERMINAL_STATES}
    open_ = {task_id for task_id, item in items.items() if item["state"] in TERMINAL_STATES and task_id not in ended}
    taken = {task_id for task_id in open_ if _taken_over(items[task_id]) and not _skipped_by_rule(items[task_id])}
    seeds = taken | {task.task_id}
    return seeds | (open_ & _below(task.dag, seeds))


def _below(dag: Any, task_ids: Iterable[str]) -> set[str]:
    return {found for task_id in task_ids for found in dag.get_task(task_id).get_flat_relative_ids(upstream=False)}


def _taken_over(item: Mapping[str, Any]) -> bool:
    return (item.get(_MARK) or {}).get("ended_at") == item.get("ended_at")


def _skipped_by_rule(item: Mapping[str, Any]) -> bool:
    return item["state"] == "skipped" and not item.get("try_number") and not item.get("stopped")
