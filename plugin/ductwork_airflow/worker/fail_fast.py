"""``fail_fast``: a task that has failed for good ends all that has not ended, but for teardowns.

As Airflow's API server does when a failure is reported (``_stop_remaining_tasks``): what is running is failed, whatever
else has not ended is skipped. Here the worker that reports the failure writes that into the ledger first. A worker that
is running finds it at its next heartbeat and ends; one that is started later repeats what it finds; and a state that
ends a task in the ledger goes on with what the ledger says.
"""

from __future__ import annotations

from collections.abc import Iterator

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.run_item import RunItem, tasks_of
from ductwork.contracts.task_facts import is_absent
from ductwork.contracts.task_item import TaskItem, begun_tries, ended, state_of, tried

from ductwork_airflow.ledger import Ledger

_FORCED = "Forcing task to fail due to dag's `fail_fast` setting."


def stop_the_rest(ledger: Ledger, run: RunItem, failed: str) -> None:
    """End all tasks that have not ended, but for teardowns.

    :param run: the run's item
    :param failed: the id of the task that has failed; nothing is done where the DAG is not ``fail_fast``
    """
    names = (run["dag_id"], run["run_id"])
    # Who ends between the look and the write is met by the next look; heartbeats in between count for nothing.
    while run.get("fail_fast") and (left := list(_left(ledger, run, failed))):
        for task_id, item in left:
            instance = (*names, task_id)
            if state_of(item) == "running":
                ledger.record_task(*instance, "failed", tried(item), instead_of=tried(item), error=_FORCED)
            else:
                # Unlike what skips itself, a restart runs it.
                ledger.record_task(*instance, "skipped", begun_tries(item), instead_of=tried(item), stopped=True)


def _left(ledger: Ledger, run: RunItem, failed: str) -> Iterator[tuple[str, TaskItem | None]]:
    """The tasks to end, each with its item if there is one."""
    items = {item["task_id"]: item for item in ledger.tasks(run["dag_id"], run["run_id"])}
    for task_id, facts in tasks_of(run).items():
        spared = task_id == failed or facts.get("teardown") or is_absent(facts)
        if not spared and not ended(items.get(task_id)):
            yield task_id, items.get(task_id)


def has_failed(ledger: Ledger, run: RunItem, task_id: str) -> bool:
    """Whether a task of a ``fail_fast`` DAG has failed for good, as the ledger has it.

    :param run: the run's item
    """
    item = ledger.task(run["dag_id"], run["run_id"], task_id, UNMAPPED) if run.get("fail_fast") else None
    return state_of(item) == "failed"
