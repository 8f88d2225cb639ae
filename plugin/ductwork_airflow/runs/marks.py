"""Marks: a person says how a task of a run that goes on has ended, as Airflow's *Mark success* and *Mark failed* do.

The mark is the task's end in the ledger. The worker of a running task finds it at its next heartbeat, ends the task's
process and reports the mark; a worker that is started later repeats it; a state that ends a task goes on with what the
ledger says. A job that no worker watches is terminated.
"""

from __future__ import annotations

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.run_item import RunItem, facts_of
from ductwork.contracts.task_item import TaskItem, begun_tries, ended, tried

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.ledger import Ledger, moved_to

# Of an outcome that nobody has taken over, and that the next start of the task in Airflow is cleared of.
BY_HAND = -1


def reason(state: str) -> str:
    """What people read where a task has been marked."""
    return f"marked {state} by hand"


def mark(clients: Clients, ledger: Ledger, run: RunItem, task_id: str, state: str, map_index: int = UNMAPPED) -> bool:
    """End a task instance that has not ended.

    :param run: the run's item; the run goes on
    :param state: ``success``, ``failed`` or ``skipped``
    :param map_index: of a mapped task's instance
    :return: False if it has ended, or the run has
    :raises ClientError: AWS refuses
    """
    names = (run["dag_id"], run["run_id"])
    item = ledger.task(*names, task_id, map_index)
    if "ended_at" in run or ended(item):
        return False
    error = reason(state) if state == "failed" else None
    begun, known = begun_tries(item), tried(item)
    if not ledger.record_task(
        *names, task_id, state, begun, map_index=map_index, instead_of=known, error=error, next_method=None
    ):
        return False
    _remember(ledger, ledger.task(*names, task_id, map_index))
    if facts_of(run, task_id).get("native") and item and item.get("job_id"):
        clients.client("batch").terminate_job(jobId=item["job_id"], reason=reason(state))
    return True


def rewrite(ledger: Ledger, item: TaskItem, state: str) -> None:
    """Let an instance that has ended have ended otherwise.

    :param item: the instance's, with its ``pk`` and ``sk``
    """
    changes = {**moved_to(state, tried(item)), "error": None}
    if ledger.move_task(
        item["pk"],
        item["sk"],
        changes,
        condition="ended_at = :ended_before",
        values={":ended_before": item["ended_at"]},
    ):
        _remember(ledger, ledger.instance(item["pk"], item["sk"]))


def _remember(ledger: Ledger, item: TaskItem | None) -> None:
    """Whoever starts the task in Airflow after this has cleared it."""
    if item is not None:
        taken = {"ended_at": item.get("ended_at"), "max_tries": BY_HAND}
        ledger.update(item["pk"], item["sk"], {"mirrored": taken}, condition="attribute_exists(pk)")
