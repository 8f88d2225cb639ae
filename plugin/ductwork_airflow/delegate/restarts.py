"""What clearing a mirror task means: its original runs again on AWS.

A mirror task that starts and finds an outcome in the ledger must know whether that outcome is news or what it was
cleared for. So whoever takes an outcome over leaves a mark on the ledger's item: which outcome (its ``ended_at``) and
Airflow's ``max_tries`` at that moment. Clearing raises ``max_tries``, a retry by Airflow does not. An outcome marked
with fewer ``max_tries`` than the task has now is therefore one that a user has cleared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.run_item import RunItem, facts_of
from ductwork.contracts.task_item import TaskItem
from ductwork.semantics.trigger_rules import FAILED

from ductwork_airflow.delegate.remote_run import RemoteRun
from ductwork_airflow.ledger import TaskKey
from ductwork_airflow.runs.marks import BY_HAND, rewrite

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator
    from airflow.sdk.types import TaskInstance


def wanted(item: TaskItem, max_tries: int) -> bool:
    """Whether this outcome has been taken over and the task has been cleared since."""
    if _skipped_by_rule(item):
        return False  # Airflow would skip it again at once, too
    mark = item.get("mirrored") or {}
    return mark.get("ended_at") == item.get("ended_at") and int(mark.get("max_tries", max_tries)) < max_tries


def contradicted(remote: RemoteRun, ti: TaskInstance, item: TaskItem, run: RunItem | None) -> bool:
    """Whether Airflow lets a task run that could not on AWS, because a user has marked what is above it success.

    Airflow then clears what is failed below the mark, and starts it by its own rules.
    """
    if item["state"] != "upstream_failed" or run is None:
        return False
    above = facts_of(run, ti.task_id).get("upstream") or ()
    items = remote.tasks()
    direct = {key: each for key, each in items.items() if key[0] in above}
    failed = {key for key, each in direct.items() if each["state"] in FAILED}
    by_hand = {key for key, each in direct.items() if _taken_over(each) and each["mirrored"]["max_tries"] == BY_HAND}
    marked = marked_since(ti, direct) if failed else set()
    return bool(marked | by_hand) and failed <= marked


def marked_since(ti: TaskInstance, items: Mapping[TaskKey, TaskItem]) -> set[TaskKey]:
    """The task instances that have failed on AWS, and that are a success in Airflow, where a user has marked them."""
    states = _airflow_states(ti)
    failed = [key for key, item in items.items() if item["state"] in FAILED]
    return {key for key in failed if states.get(key[0] if key[1] < 0 else f"{key[0]}_{key[1]}") == "success"}


def _airflow_states(ti: TaskInstance) -> dict[str, str]:
    """By the names that Airflow lists task instances under; those that have a state."""
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return {name: str(getattr(state, "value", state)) for name, state in states.items()}


def mark_taken_over(remote: RemoteRun, item: TaskItem, max_tries: int) -> None:
    """Note on the task's item that a cleared task in Airflow has taken this end over."""
    mark = {"ended_at": item.get("ended_at"), "max_tries": max_tries}
    remote.ledger.update(item["pk"], item["sk"], {"mirrored": mark}, condition="attribute_exists(pk)")


def look_again(remote: RemoteRun, run: RunItem | None) -> RunItem:
    """The run, after a look at AWS if the ledger does not know its end: there may have been no look since it ended."""
    from ductwork_airflow.runs import lifecycle

    if run is not None and "ended_at" not in run:
        lifecycle.watcher(remote.clients, remote.handle(run)).poll()
        run = remote.run()
    return run or {}


def restart(remote: RemoteRun, task: BaseOperator, ti: TaskInstance) -> None:
    """Restart the task instance and all others that were cleared with it, unless another mirror task has done so.

    They were cleared together and start together, and a run is restarted once: who comes second finds it running.
    """
    from ductwork_airflow.runs import lifecycle

    item = remote.task(task.task_id, ti.map_index)
    run = remote.run()
    if item is None or item["state"] not in TERMINAL_STATES:
        task.log.info("restarted already")
        return
    if not (wanted(item, ti.max_tries) or contradicted(remote, ti, item, run)):
        task.log.info("restarted already")
        return
    items = remote.tasks()
    marked = marked_since(ti, items)
    for key in marked:
        task.log.info("marked success in Airflow: %s", key[0] if key[1] < 0 else f"{key[0]}[{key[1]}]")
        rewrite(remote.ledger, items[key], "success")
    whole, instances = by_task(cleared_together(ti, items, task, marked), items)
    shown = [*whole, *(f"{task_id}{indexes}" for task_id, indexes in instances.items())]
    task.log.info("restarting on AWS: %s", ", ".join(sorted(shown)))
    handle = remote.handle(run or {})
    # What is downstream is among them if it was cleared, too.
    lifecycle.restart(remote.clients, handle, whole, only=True, instances=instances)


def by_task(cleared: Iterable[TaskKey], items: Iterable[TaskKey]) -> tuple[list[str], dict[str, list[int]]]:
    """The tasks whose instances were all cleared, and for the other tasks the map indexes that were.

    :param items: all task instances that the ledger knows; what has not begun runs in any case
    """
    indexes: dict[str, set[int]] = {}
    for task_id, index in cleared:
        indexes.setdefault(task_id, set()).add(index)
    kept = {task_id for task_id, index in items if index >= 0 and index not in indexes.get(task_id, ())}
    partly = {task_id: sorted(some) for task_id, some in indexes.items() if UNMAPPED not in some and task_id in kept}
    return sorted(indexes.keys() - partly.keys()), partly


def cleared_together(
    ti: TaskInstance, items: Mapping[TaskKey, TaskItem], task: BaseOperator, marked: Collection[TaskKey] = ()
) -> set[TaskKey]:
    """The task instances cleared with this one: Airflow does not know how they end, and the ledger does.

    This includes tasks below those whose outcome was taken over that were only ever skipped or upstream_failed. A task
    that Airflow has merely not caught up with is left out.

    :param marked: the task instances that a user has marked success; what had failed below them has been cleared too
    """
    states = _airflow_states(ti)
    ended = {name for name, state in states.items() if state in TERMINAL_STATES}
    open_ = {
        key
        for key, item in items.items()
        if item["state"] in TERMINAL_STATES and not _names(key, states.keys()) <= ended
    }
    taken = {key for key in open_ if _taken_over(items[key]) and not _skipped_by_rule(items[key])}
    seeds = taken | {(task.task_id, ti.map_index)}
    below_marks = _below(task.dag, marked)
    seeds |= {
        key
        for key in open_
        if items[key]["state"] == "upstream_failed" and (key in below_marks or (key[0], None) in below_marks)
    }
    below = _below(task.dag, seeds)
    return seeds | {key for key in open_ if key in below or (key[0], None) in below}


def _names(instance: TaskKey, names: Collection[str]) -> set[str]:
    """The names under which Airflow may list the state of an instance.

    A mapped task may be expanded there alone, or here alone.
    """
    task_id, index = instance
    if (name_of_instance := task_id if index < 0 else f"{task_id}_{index}") in names:
        return {name_of_instance}
    if index >= 0:
        return {task_id}
    expanded = {name for name in names if name.startswith(f"{task_id}_") and name[len(task_id) + 1 :].isdigit()}
    return expanded or {task_id}


def _below(dag: DAG, instances: Iterable[TaskKey]) -> set[tuple[str, int | None]]:
    """What is downstream: in a mapped group the instances with the same index, otherwise all, which is None."""
    of_task: dict[str, set[int]] = {}
    for task_id, index in instances:
        of_task.setdefault(task_id, set()).add(index)
    below_all: set[tuple[str, int | None]] = set()
    for task_id, indexes in of_task.items():
        group = _mapped_group(dag, task_id)
        for below in dag.get_task(task_id).get_flat_relative_ids(upstream=False):
            together = group is not None and _mapped_group(dag, below) == group
            below_all |= {(below, index) for index in indexes} if together else {(below, None)}
    return below_all


def _mapped_group(dag: DAG, task_id: str) -> str | None:
    group = dag.get_task(task_id).get_closest_mapped_task_group()
    return group and str(group.group_id)


def _taken_over(item: TaskItem) -> bool:
    return (item.get("mirrored") or {}).get("ended_at") == item.get("ended_at")


def _skipped_by_rule(item: TaskItem) -> bool:
    return item["state"] == "skipped" and not item.get("try_number") and not item.get("stopped")
