"""Task instances whose last container has died, so that no worker of theirs has said how they ended.

One task instance, or with ``DUCTWORK_MAP_SIZE`` and no map index all of a mapped task: those that have not ended are
recorded first, so that they are counted whatever their callbacks do.

A job ends 0 whatever the callbacks did; 1 if it was stopped before they were done, so that it may be started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.task_item import CALLBACKS_DUE, TaskItem, ended, max_tries, tried

from ductwork_airflow.execution_api import Session
from ductwork_airflow.worker import fail_fast, task_callbacks
from ductwork_airflow.worker.report_outcome import EXIT_OK, EXIT_UNREPORTED
from ductwork_airflow.worker.termination import Termination
from ductwork_airflow.worker.try_result import TryResult
from ductwork_airflow.worker.workload import Workload

# What may give a task's job more attempts than the task has tries: in a chain, or where each further try that a worker
# asks for has attempts of its own.
_MORE_ATTEMPTS_THAN_TRIES = frozenset({"quiet", "calls_back", "tells_delay"})


def call_back(workload: Workload) -> int:
    """``DUCTWORK_CALLBACK=task``: record that the task failed, and run ``on_failure_callback`` and e-mail.

    :return: the exit code
    :raises LedgerError: the run lacks what every run must have
    """
    return _stop_the_rest(workload, _fail(workload, silently=False))


def record(workload: Workload) -> int:
    """``DUCTWORK_CALLBACK=record``: record that the task failed; nothing is to be called.

    :return: the exit code
    """
    return _stop_the_rest(workload, _fail(workload, silently=True))


def buried(workload: Workload, item: TaskItem, number: int) -> TryResult | None:
    """The outcome of a task instance whose job starts a worker once more than it has tries, recorded; else None.

    What is below it in the chain may run then, its callbacks must.

    :param item: the task instance's
    :param number: of the try that would be next
    :raises LedgerError: the run lacks what every run must have
    """
    if _MORE_ATTEMPTS_THAN_TRIES.isdisjoint(workload.facts) or number <= max_tries(item, workload.facts) + 1:
        return None
    code = _fail(workload, silently=not workload.facts.get("calls_back"))
    # Its callbacks are due again where they were cut short.
    return TryResult.of(workload.item()) if code == EXIT_OK else TryResult("up_for_retry")


def _fail(workload: Workload, *, silently: bool) -> int:
    due = [(session, item) for session, item in _instances(workload) if task_callbacks.fail(session, silently=silently)]
    if not due:
        return EXIT_OK
    stopped = due[0][0]
    Termination(stopped, workload.environment.kill_grace).watch()
    for session, item in due:
        if stopped.stopping or task_callbacks.run(session, item, "failure", shown=stopped) < 0:
            return EXIT_UNREPORTED
    return EXIT_OK


def _stop_the_rest(workload: Workload, code: int) -> int:
    task_id = workload.environment.task_id
    if fail_fast.has_failed(workload.ledger, workload.run, task_id):
        fail_fast.stop_the_rest(workload.ledger, workload.run, task_id)
    return code


def _instances(workload: Workload) -> Iterator[tuple[Session, TaskItem]]:
    """The task instances to look at, each with its item as its last worker has left it."""
    place = workload.environment
    if place.map_index != UNMAPPED or place.map_size is None:
        item = workload.item()
        yield _session(workload, item, place.map_index), item
        return
    of_task = workload.ledger.instances(place.dag_id, place.run_id, place.task_id)
    items = {item["map_index"]: item for item in of_task}
    for index in range(place.map_size):
        item = items.get(index, {})
        if not ended(item) or CALLBACKS_DUE in item:
            yield _session(workload, item, index), item


def _session(workload: Workload, item: TaskItem, map_index: int) -> Session:
    """Of the try that has died. Its container was another job, or another attempt, than the one that records it."""
    number = workload.environment.try_number or _dead_try(item)
    return replace(workload.session(number, item, map_index), job_id=None, job_attempt=None, event_bus=None)


def _dead_try(item: TaskItem) -> int:
    """The container that died was there for the next try, if the one before it had said that there is to be one."""
    return tried(item) + 1 if item.get("state") == "up_for_retry" else max(tried(item), 1)
