"""Tasks of a job chain that their trigger rules do not let run: their workers end them."""

from __future__ import annotations

from ductwork.contracts.run_item import is_chain
from ductwork.contracts.task_item import TaskItem, begun_tries, ended, tried
from ductwork.semantics.trigger_rules import NO_STATUS

from ductwork_airflow.trigger_rules import reads
from ductwork_airflow.worker.try_result import TryResult
from ductwork_airflow.worker.workload import Workload


def diverted(workload: Workload, item: TaskItem) -> TryResult | None:
    """The outcome of a task instance that does not run, recorded; None if it runs.

    An instance that waits in vain is left without a record, as it has no state in Airflow.

    :param item: the task instance's; empty if there is none
    :raises LedgerError: an upstream task has not ended
    """
    if _is_decided(workload):
        return None
    place = workload.environment
    evaluator = reads.evaluator(workload.ledger, workload.run, place.task_id, place.map_index)
    state = evaluator.verdict(place.task_id, place.map_index)
    if state == "run":
        return None
    if state == NO_STATUS:
        print(f"ductwork worker: {place.task_id} waits in vain for a task of which Airflow makes no instance")
        return TryResult(NO_STATUS)
    print(f"ductwork worker: {place.task_id} does not run: it is {state}")
    names = (place.dag_id, place.run_id, place.task_id)
    while not workload.ledger.record_task(
        *names, state, begun_tries(item), map_index=place.map_index, instead_of=tried(item)
    ):
        # A mirror has announced the try since the item was read, or somebody else has ended it.
        item = workload.item()
        if ended(item):
            return TryResult.of(item)
    return TryResult(state, error=f"a task upstream of {place.task_id} failed" if state != "skipped" else None)


def _is_decided(workload: Workload) -> bool:
    """Whether the task runs for certain: a state machine decides before it starts a job, also an array's, whose workers
    have no token."""
    by_machine = workload.run.get("target") == "stepfunctions" and not is_chain(workload.run)
    return workload.environment.token is not None or by_machine
