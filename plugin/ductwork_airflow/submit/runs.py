"""Runs on AWS, whatever the target: submit, watch, restart. Operator, trigger and command line use these calls.

Everything here may be called again after any failure, from any process, and goes on where the last call stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from ductwork import ledger_schema as schema

from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.mirror import RunWatcher
from ductwork_airflow.mirror.adoption import adopt_all
from ductwork_airflow.mirror.connection import Connection
from ductwork_airflow.submit import job_definitions as definitions
from ductwork_airflow.submit import plans, stepfunctions
from ductwork_airflow.submit.again import among_themselves
from ductwork_airflow.submit.batch import ChainSubmitter, JobSubmitter
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.documents import complete, fill
from ductwork_airflow.submit.errors import SubmissionError, code
from ductwork_airflow.submit.pace import Pace
from ductwork_airflow.submit.remote import Clients, RunHandle, Watcher
from ductwork_airflow.submit.request import RunRequest
from ductwork_airflow.submit.stops import StoppedError

__all__ = ["SubmissionError", "as_begun", "deploy", "outcome_error", "restart", "submit", "watcher"]

log = logging.getLogger(__name__)

_NOT_OF_THE_MACHINE = ("manifest",)


def submit(
    clients: Clients,
    artefact: Mapping[str, Any],
    target: str,
    request: RunRequest,
    *,
    ledger_table: str,
    role_arn: str | None = None,
    state_machine_arn: str | None = None,
    places: Mapping[str, str] | None = None,
    pace: Pace | None = None,
    job_definitions: Sequence[Mapping[str, Any]] = (),
) -> RunHandle:
    """Start a run, or find it if it was started before: the same run is never started twice.

    :param artefact: the compiled schedule; may be empty if ``state_machine_arn`` names a machine to take as it is
    :param ledger_table: must exist (:meth:`Ledger.create_table` makes it)
    :param role_arn: the execution role. With it, the DAG's state machine is created or updated where it differs
    :param state_machine_arn: a machine, or a version of one, that somebody else deploys; it must be ``artefact``
    :param places: values of ``${JobQueue}``, ``${JobDefinition}``; ``${LedgerTable}`` is ``ledger_table``
    :param job_definitions: RegisterJobDefinition requests of what ``artefact`` runs; registered where they are missing
    :raises SubmissionError: something that the caller can mend
    """
    run = _run(_ledger(clients, ledger_table), request.dag_id, request.run_id)
    document = complete(artefact, {"LedgerTable": ledger_table, **(places or {})})
    handle = RunHandle(request.dag_id, request.run_id, target, ledger_table)
    if run is not None and run.get("target", target) != target:
        raise SubmissionError(
            f"run {request.run_id!r} of DAG {request.dag_id!r} exists already on target {run['target']!r}. "
            "Choose another run id"
        )
    if job_definitions:
        definitions.provide(clients.client("batch"), fill(list(job_definitions), places or {}))
    if target == "batch":
        if run is None or not run.get("restarts"):
            ledger = _ledger(clients, ledger_table)
            chain = ChainSubmitter(clients.client("batch"), ledger, document, request, pace)
            _unless_stopped(chain.submit)
            return handle
        return _complete_restart(clients, handle, run, pace)
    return _start_machine(clients, handle, _definition(document), request, role_arn, state_machine_arn)


def as_begun(clients: Clients, request: RunRequest, ledger_table: str) -> RunRequest:
    """A request that says no logical date of its own: with the dates of its run, if that has begun already."""
    run = _run(_ledger(clients, ledger_table), request.dag_id, request.run_id)
    if run is None:
        return request
    date, start, end = (
        datetime.fromisoformat(run[name].replace("Z", "+00:00"))
        for name in ("logical_date", "data_interval_start", "data_interval_end")
    )
    return replace(request, logical_date=date, data_interval=(start, end))


def _definition(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _NOT_OF_THE_MACHINE}


def _start_machine(
    clients: Clients,
    handle: RunHandle,
    definition: Mapping[str, Any],
    request: RunRequest,
    role_arn: str | None,
    state_machine_arn: str | None,
) -> RunHandle:
    client = clients.client("stepfunctions")
    if role_arn:
        if not definition:
            raise SubmissionError("role_arn says to deploy the DAG's state machine, but there is no definition of it")
        arn = stepfunctions.deploy(client, request.dag_id, definition, role_arn)
    elif state_machine_arn:
        arn = state_machine_arn
        stepfunctions.require(client, arn, definition)
    else:
        raise SubmissionError(
            "nothing says which state machine to start: pass role_arn, the execution role of a machine that is "
            "created and kept up to date for the DAG, or state_machine_arn, a machine you have deployed"
        )
    execution = stepfunctions.start(client, arn, request)
    run = _run(_ledger(clients, handle.ledger_table), handle.dag_id, handle.run_id) or {}
    return _at(handle, run.get("execution_arn") or execution)


def watcher(clients: Clients, handle: RunHandle, *, patience: float = 900.0) -> Watcher:
    """
    :param patience: seconds for which AWS may answer with nothing but passing faults before ``poll`` raises one
    """
    return RunWatcher(clients, handle, patience=patience)


def deploy(
    clients: Clients,
    artefact: Mapping[str, Any],
    dag_id: str,
    *,
    ledger_table: str,
    role_arn: str,
    places: Mapping[str, str] | None = None,
) -> str:
    """Make the DAG's state machine be ``artefact``, starting nothing. Parameters as for :func:`submit`.

    :return: the ARN to start executions with
    """
    document = complete(artefact, {"LedgerTable": ledger_table, **(places or {})})
    return stepfunctions.deploy(clients.client("stepfunctions"), dag_id, _definition(document), role_arn)


def restart(
    clients: Clients,
    handle: RunHandle,
    task_ids: Sequence[str] | None = None,
    *,
    only: bool = False,
    marks: Mapping[str, str] | None = None,
    failed: bool = False,
    instances: Mapping[str, Sequence[int]] | None = None,
    pace: Pace | None = None,
) -> RunHandle:
    """Run tasks of an ended run again, as Airflow's Clear does: by default all that did not end well.

    While the run is running, this finds it and changes nothing. A machine's new execution takes the machine's current
    definition, as Airflow's Clear takes the current DAG.

    :param task_ids: run these and everything downstream of them again; the rest is kept, however it ended
    :param only: of ``task_ids`` leave what is downstream alone
    :param marks: outcomes by task id (success, skipped, failed) to give without running the task; what had failed
        downstream of it runs again
    :param failed: run whatever else did not end well again too
    :param instances: map indexes by task id, of mapped tasks of which only these instances are to run again
    :raises SubmissionError: there is no such run or task, or the machine cannot be restarted
    """
    ledger = _ledger(clients, handle.ledger_table)
    run = _run(ledger, handle.dag_id, handle.run_id)
    if run is None:
        raise SubmissionError(f"the ledger has no run {handle.run_id!r} of DAG {handle.dag_id!r}: submit it")
    if "ended_at" in run:
        wanted = plans.Wanted(tuple(task_ids or ()), only, dict(marks or {}), failed, dict(instances or {}))
        run = _reopen(clients, ledger, handle, run, wanted)
    return _complete_restart(clients, handle, run, pace)


def _reopen(clients: Clients, ledger: Ledger, handle: RunHandle, run: Item, wanted: plans.Wanted) -> Item:
    machine = not schema.is_chain(run)
    if not machine and run.get("execution_arn"):
        adopt_all(Connection(clients, handle.ledger_table), run)
    if machine:
        stepfunctions.require_restartable(clients.client("stepfunctions"), run["execution_arn"])
    number = (stepfunctions.restarts(run["execution_arn"]) if machine else int(run.get("restarts", 0))) + 1
    names = (handle.dag_id, handle.run_id)
    plan = plans.make(run, ledger.tasks(*names), number, wanted, ledger.mapped(*names))
    attributes: dict[str, str | None] = {}
    if machine:
        name = stepfunctions.restart_name(handle.dag_id, handle.run_id, number)
        attributes["execution_arn"] = stepfunctions.sibling(run["execution_arn"], name)
    else:
        _jobs_again(ledger, run, plan)  # what cannot be submitted again is not to be reopened
        attributes["finished_at"] = None
    plans.reopen(ledger, run, plan, **attributes)
    return _run(ledger, handle.dag_id, handle.run_id) or run


def _complete_restart(clients: Clients, handle: RunHandle, run: Item, pace: Pace | None) -> RunHandle:
    """Carry out a restart that has been decided, unless that has been done."""
    ledger, plan = _ledger(clients, handle.ledger_table), plans.Plan.of(run)
    if plan is not None:
        plans.reset(ledger, run, ledger.tasks(handle.dag_id, handle.run_id), plan)
        if schema.is_chain(run):
            _resubmit(clients, ledger, run, plan, pace)
        else:
            _restart_machine(clients.client("stepfunctions"), run, plan)
    # A chain is restarted without the execution that may have submitted it.
    followed = not (schema.is_chain(run) and run.get("restarts"))
    return _at(handle, run.get("execution_arn") if followed else None)


def _restart_machine(client: Any, run: Item, plan: plans.Plan) -> None:
    values: dict[str, Any] = {
        name: run[name] for name in ("run_id", "run_type", "logical_date", "data_interval_start", "data_interval_end")
    }
    if conf := json.loads(run.get("conf") or "{}"):
        values["conf"] = conf
    values["done"] = {**plan.done, **plan.kept}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    arn = run["execution_arn"]
    # The first state replaces the run's item, and the plan in it is gone.
    stepfunctions.start_named(client, stepfunctions.machine_of(arn), arn.rpartition(":")[2], text)


def _resubmit(clients: Clients, ledger: Ledger, run: Item, plan: plans.Plan, pace: Pace | None) -> None:
    claims = Claims(ledger, run["dag_id"], run["run_id"], round=plan.number)
    jobs = JobSubmitter(clients.client("batch"), claims, pace)
    if _unless_stopped(lambda: jobs.submit(_jobs_again(ledger, run, plan))):
        changes = {"restart": None, "restarts": plan.number}
        ledger.update(run["pk"], run["sk"], changes, condition="#restarts = :restarts")


def _unless_stopped(submit: Callable[[], object]) -> bool:
    """Whether all has been submitted. What becomes of a run that somebody stops meanwhile, its watchers see."""
    try:
        submit()
    except StoppedError as error:
        log.warning("%s", error)
        return False
    return True


def _jobs_again(ledger: Ledger, run: Item, plan: plans.Plan) -> list[Job]:
    """The jobs of a chain that a restart submits.

    :raises SubmissionError: one has never been submitted, or would depend on more than Batch allows
    """
    carried = {facts["job"]: task_id for task_id, facts in run["tasks"].items() if "job" in facts}
    known = Claims(ledger, run["dag_id"], run["run_id"]).all()
    if missing := carried.keys() - {claim["name"] for claim in known}:
        raise SubmissionError(
            f"run {run['run_id']!r} was stopped before its jobs were all submitted ({len(missing)} are missing): "
            "submit it again, which starts nothing and tells what they are, then restart it"
        )
    again = set(plan.again)
    wanted = {job for job, task_id in carried.items() if task_id in again}
    return among_themselves([Job.of_claim(claim) for claim in known], wanted, carried.keys())


def outcome_error(clients: Clients, handle: RunHandle) -> str:
    """Why a run failed: the run's own error, then the failed tasks' errors, a line each."""
    ledger = _ledger(clients, handle.ledger_table)
    run = _run(ledger, handle.dag_id, handle.run_id) or {}
    failed = [item for item in ledger.tasks(handle.dag_id, handle.run_id) if item.get("state") == "failed"]
    lines = [run["error"]] if run.get("error") else []
    for item in sorted(failed, key=lambda item: item.get("ended_at", "")):
        name = item["task_id"] if item["map_index"] < 0 else f"{item['task_id']}[{item['map_index']}]"
        lines.append(f"{name}: {item.get('error') or 'it failed without a message'}")
    return "\n".join(lines)


def _at(handle: RunHandle, execution_arn: str | None) -> RunHandle:
    return RunHandle(**{**handle.as_dict(), "execution_arn": execution_arn})


def _ledger(clients: Clients, table: str) -> Ledger:
    return Connection(clients, table).ledger


def _run(ledger: Ledger, dag_id: str, run_id: str) -> Item | None:
    try:
        return ledger.run(dag_id, run_id)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        raise SubmissionError(
            f"the ledger's table {ledger.table!r} does not exist: create it (ductwork run --create-ledger, or "
            "Ledger.create_table), or name another"
        ) from error
