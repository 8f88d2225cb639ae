"""Tasks of a job chain that their trigger rules do not let run: their workers end them."""

from __future__ import annotations

from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow import gate, gate_reads
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.worker.environment import WorkerEnvironment
from ductwork_airflow.worker.outcome import Outcome

_ANNOUNCED = frozenset({"scheduled", "queued"})


def diverted(environment: WorkerEnvironment, ledger: Ledger, run: Item, item: Item | None) -> Outcome | None:
    """The outcome of a task instance that does not run, recorded; None if it runs.

    :param run: the run's item
    :param item: the instance's own, as far as there is one
    """
    run_names, instance = (environment.dag_id, environment.run_id), (environment.task_id, environment.map_index)
    if not gate.above((run.get("tasks") or {}).get(environment.task_id, {})):
        return None
    state = gate_reads.gate(ledger, run, *instance).verdict(*instance)
    if state == "run":
        return None
    print(f"ductwork worker: {environment.task_id} does not run: it is {state}")
    while not _record(ledger, run_names, instance, state, item):
        # A mirror has announced the try since the item was read, or somebody else has ended it.
        item = ledger.task(*run_names, *instance) or {}
        if item.get("state") in TERMINAL_STATES:
            return Outcome.of(item)
    return Outcome(state, error=f"a task upstream of {environment.task_id} failed" if state != "skipped" else None)


def _record(
    ledger: Ledger, run_names: tuple[str, str], instance: tuple[str, int], state: str, item: Item | None
) -> bool:
    """False if the instance is no longer as it was read."""
    task_id, index = instance
    # Airflow gives a task that never ran try number 0; one that is announced carries the number of the coming try.
    tried = int((item or {}).get("try_number", 0))
    number = max(tried - 1, 0) if (item or {}).get("state") in _ANNOUNCED else tried
    return ledger.record_task(*run_names, task_id, state, number, map_index=index, instead_of=tried)
