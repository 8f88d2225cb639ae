"""One worker's life, from its environment to its exit code."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

from ductwork import ledger_schema as schema

from ductwork_airflow import gate, gate_reads
from ductwork_airflow.aws import Aws
from ductwork_airflow.execution_api import Session, event_bus
from ductwork_airflow.execution_api.event_bus import EventBus
from ductwork_airflow.ledger import Item, Ledger, LedgerError
from ductwork_airflow.worker import callbacks, logs
from ductwork_airflow.worker.attempts import next_try
from ductwork_airflow.worker.callback_job import run_job
from ductwork_airflow.worker.environment import TOKEN_VARIABLE, WorkerEnvironment
from ductwork_airflow.worker.logs import FailureCapture
from ductwork_airflow.worker.outcome import Outcome
from ductwork_airflow.worker.report import EXIT_OK, EXIT_UNREPORTED, report
from ductwork_airflow.worker.runner import Runner
from ductwork_airflow.worker.settling import settle

# What makes a chain's job have one attempt more than its task has tries.
_OF_THE_LAST_ATTEMPT = {"quiet", "calls_back"}


def work(environment: WorkerEnvironment) -> int:
    """Run the task instance unless it has ended or must not run, and report how it ended."""
    os.environ.pop(TOKEN_VARIABLE, None)  # the task's own code has no business with it
    capture = logs.configure()
    aws = Aws()
    own: dict[str, Any] = {}
    try:
        ledger = Ledger.connect(environment.table, aws)
        if environment.callback == "settle":
            return settle(_run(environment, ledger), environment.table, aws)
        if environment.callback:
            return run_job(environment, ledger, _run(environment, ledger))
        bus = EventBus(environment.event_bus, lambda: aws.client("events")) if environment.event_bus else None
        run = _run(environment, ledger)
        outcome = _outcome(environment, ledger, run, capture, bus)
        own = (run.get("tasks") or {}).get(environment.task_id) or {}
    except LedgerError as error:
        print(f"ductwork worker: {error}", file=sys.stderr)
        if environment.callback:
            return EXIT_UNREPORTED
        # Not in the ledger, so whoever looks there must not start.
        outcome = Outcome("failed", error=str(error))
    stops, quiet = bool(own.get("stops")), bool(own.get("quiet"))
    return report(outcome, environment.token, lambda: aws.client("stepfunctions"), stops=stops, quiet=quiet)


def _run(environment: WorkerEnvironment, ledger: Ledger) -> Item:
    run = ledger.run(environment.dag_id, environment.run_id)
    if run is None:
        raise LedgerError(
            f"run {environment.run_id!r} of DAG {environment.dag_id!r} is not in table {environment.table!r}: "
            "the state machine's first state or the submitter creates it"
        )
    return run


def _outcome(
    environment: WorkerEnvironment, ledger: Ledger, run: Item, capture: FailureCapture, bus: EventBus | None
) -> Outcome:
    item = ledger.task(environment.dag_id, environment.run_id, environment.task_id, environment.map_index)
    number = next_try(item, environment.job_id, environment.job_attempt)
    if number is None:
        known = item or {}
        event_bus.settle(bus, known, lambda **changes: ledger.update(known["pk"], known["sk"], changes))
        return Outcome.of(known)
    facts: dict[str, Any] = run.get("tasks") or {}
    own = facts.get(environment.task_id) or {}
    if _OF_THE_LAST_ATTEMPT & own.keys() and number > _max_tries(own, item) + 1:
        return _buried(environment, ledger, run)
    # A state machine has decided before it starts an array, though its children have no token.
    decided = run.get("target") == "stepfunctions" and not schema.is_chain(run)
    gated = environment.token is None and not decided
    if gated and (ended := _gated(environment, ledger, run, item)):
        return ended
    session = Session(
        ledger=ledger,
        run=run,
        task_id=environment.task_id,
        map_index=environment.map_index,
        try_number=number,
        max_tries=_max_tries(own, item),
        job_id=environment.job_id,
        job_attempt=environment.job_attempt,
        map_size=environment.map_size,
        event_bus=bus,
    )
    # Without a token nobody would start the task again; with one, the state machine says whether it does.
    hold = environment.token is None or bool(own.get("hold_reschedules"))
    return Runner(
        session,
        capture,
        hold_reschedules=hold,
        kill_grace=environment.kill_grace,
        dead_try=callbacks.died_with(item, number),
        # With a token the state machine waits between two tries.
        retry_facts=own if environment.token is None else None,
    ).run()


def _max_tries(facts: dict[str, Any], item: Item | None) -> int:
    """The item's own value wins: Airflow raises it when a task instance is cleared."""
    return int((item or {}).get("max_tries", facts.get("max_tries", 0)))


def _buried(environment: WorkerEnvironment, ledger: Ledger, run: Item) -> Outcome:
    """End a task whose last try's container has died: what is below it in the chain may run, its callbacks must."""
    own = run["tasks"][environment.task_id]
    code = run_job(replace(environment, callback="task" if own.get("calls_back") else "record"), ledger, run)
    item = ledger.task(environment.dag_id, environment.run_id, environment.task_id, environment.map_index) or {}
    # Its callbacks are due again where they were cut short.
    return Outcome.of(item) if code == EXIT_OK else Outcome("up_for_retry")


def _gated(environment: WorkerEnvironment, ledger: Ledger, run: Item, item: Item | None) -> Outcome | None:
    """The outcome of a task that its trigger rule does not let run."""
    where = (environment.dag_id, environment.run_id)
    task_id, index = environment.task_id, environment.map_index
    if not gate.above((run.get("tasks") or {}).get(task_id, {})):
        return None
    state = gate_reads.gate(ledger, run, task_id, index).verdict(task_id, index)
    if state == "run":
        return None
    print(f"ductwork worker: {task_id} does not run: it is {state}")
    error = f"a task upstream of {task_id} failed" if state != "skipped" else None
    while not _divert(environment, ledger, item, state):
        # Somebody has announced the try meanwhile, or ended it.
        item = ledger.task(*where, task_id, index)
        if item and item.get("outcome"):
            return Outcome.of(item)
    return Outcome(state, error=error)


def _divert(environment: WorkerEnvironment, ledger: Ledger, item: Item | None, state: str) -> bool:
    """Record a task that does not run. False if it is no longer as it was seen."""
    where = (environment.dag_id, environment.run_id, environment.task_id)
    # Airflow gives a task that never ran try number 0; "queued" carries the number of the coming try.
    tried = int((item or {}).get("try_number", 0))
    number = max(tried - 1, 0) if (item or {}).get("state") in {"scheduled", "queued"} else tried
    return ledger.record_task(*where, state, number, map_index=environment.map_index, instead_of=tried)
