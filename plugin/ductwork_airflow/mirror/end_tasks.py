"""Ending in the ledger what AWS will not go on with: a broken, stopped or timed-out run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.run_item import RunItem, tasks_of
from ductwork.contracts.task_facts import NO_FACTS, Facts, TaskFacts, is_absent
from ductwork.contracts.task_item import TaskItem, begun_tries, ended
from ductwork.semantics.trigger_rules import FAILED

from ductwork_airflow.ledger import Ledger, Move, now
from ductwork_airflow.mirror.batch_jobs import forward

# As in Airflow, where marking a run failed fails what runs and skips what waits.
_RUNNING = frozenset({"running", "deferred", "up_for_reschedule", "restarting"})

# That the workers of a stopped or broken run may take to end: what Batch takes to end a container, and then some.
GRACE_SECONDS = 90.0


def is_running(item: TaskItem | None) -> bool:
    """Whether a worker has the task instance, as far as the ledger says."""
    return item is not None and item.get("state") in _RUNNING


def end_all(ledger: Ledger, run: RunItem, items: Sequence[TaskItem], error: str) -> bool:
    """End every task instance that has not ended, then the run. False if something has moved meanwhile: look again.

    ======================================  ===========================
    a task instance                         ends
    ======================================  ===========================
    running                                 failed, with ``error``
    waiting below one that failed           upstream_failed
    waiting                                 skipped
    ======================================  ===========================
    """
    end_tasks(ledger, run, items, error)
    if any(not ended(item) for item in ledger.tasks(run["dag_id"], run["run_id"])):
        return False
    finish(ledger, run, "failed", error)
    return True


def end_tasks(ledger: Ledger, run: RunItem, items: Sequence[TaskItem], error: str, running: str = "failed") -> None:
    """End every task instance that has not ended, in the order of the tasks; see :func:`end_all`.

    :param running: what ends a task instance that is running
    """
    run_key = (run["dag_id"], run["run_id"])
    tasks = tasks_of(run)
    known: dict[str, list[TaskItem]] = {}
    for item in items:
        known.setdefault(item["task_id"], []).append(item)
    outcomes: dict[str, set[str]] = {}
    moves: list[Move] = []
    for task_id in _in_order(tasks, known):
        above = {outcome for up in tasks.get(task_id, NO_FACTS).get("upstream", ()) for outcome in outcomes.get(up, ())}
        waiting = "upstream_failed" if above & FAILED else "skipped"
        outcomes[task_id] = set()
        for index, each in _instances(tasks.get(task_id, NO_FACTS), known.get(task_id, ())):
            state = running if is_running(each) else str((each or {})["state"]) if ended(each) else waiting
            outcomes[task_id].add(state)
            if not ended(each):
                moves.append(_end(run_key, task_id, each, state, error, index))
    ledger.move_tasks(moves)


def _instances(own: TaskFacts, items: Sequence[TaskItem]) -> list[tuple[int, TaskItem | None]]:
    """A task's instances by index; those that have no item yet too, as far as the run's item tells how many."""
    if is_absent(own):
        return []
    found: dict[int, TaskItem | None] = dict.fromkeys(range(own.get("size", 0)))
    found |= {item["map_index"]: item for item in items}
    return sorted((found or {UNMAPPED: None}).items())


def finish(ledger: Ledger, run: RunItem, state: str, error: str | None) -> bool:
    """End the run, unless it has ended, or has been restarted since it was looked at."""
    moment = run.get("finished_at") or now()
    changes = {"state": state, "ended_at": moment, "error": error, "execution_arn": run.get("execution_arn")}
    # A restart that was stopped before it had begun is over too: nobody is to complete it.
    changes["restart"] = None
    condition = "attribute_exists(pk) AND attribute_not_exists(ended_at)"
    if run.get("execution_arn"):
        condition += " AND #execution_arn = :execution_arn"
    return ledger.update(run["pk"], run["sk"], changes, condition=condition)


def close_mapped(ledger: Ledger, run: RunItem, items: Sequence[TaskItem], refused: Mapping[str, str]) -> bool:
    """Bring what a run that has ended left of its mapped tasks' instances to an end. Whether there was anything.

    Those that a restart's expansion has no more are removed, as Airflow calls it. Those of an array that Batch did not
    take have failed, and nobody else could say so.

    :param refused: why a task's job was not taken, by task id
    """
    run_key = (run["dag_id"], run["run_id"])
    none = {item["task_id"] for item in items if item["map_index"] < 0 and ended(item)}
    sizes = {task: int(found.get("size", 0)) for task, found in ledger.mapped(*run_key).items() if task not in none}
    left = [item for item in items if item["map_index"] >= 0 and item.get("state") == "scheduled"]
    gone = [item for item in left if item["map_index"] >= sizes.get(item["task_id"], 0)]
    moves = [_end(run_key, item["task_id"], item, "removed", "") for item in gone]
    lost = {task: sizes[task] for task in refused if task in sizes}
    seen = {(item["task_id"], item["map_index"]): item for item in items if item["task_id"] in lost}
    for task, size in lost.items():
        for index in range(size):
            instance = seen.get((task, index))
            if not ended(instance):
                moves.append(_end(run_key, task, instance, "failed", refused[task], index))
    ledger.move_tasks(moves)
    return bool(gone or lost)


def _end(
    run_key: tuple[str, str],
    task_id: str,
    item: TaskItem | None,
    state: str,
    error: str,
    index: int = UNMAPPED,
) -> Move:
    """The end of one task instance, whether or not it has an item.

    :param index: the instance's, where there is no item yet
    """
    found: dict[str, object] = {"error": error} if state == "failed" and "error" not in (item or {}) else {}
    if state == "skipped":
        found["stopped"] = True  # unlike what skips itself, a restart runs it
    return forward(run_key, task_id, item, state, begun_tries(item), found, map_index=index)


def _in_order(tasks: Facts, known: Iterable[str]) -> list[str]:
    """Task ids, upstream ones first."""
    above = {task: [up for up in facts.get("upstream", ()) if up in tasks] for task, facts in tasks.items()}
    return [*TopologicalSorter(above).static_order(), *(task_id for task_id in known if task_id not in tasks)]
