"""Restarts an ended run, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from ductwork.contracts.ledger import json_text
from ductwork.contracts.run_item import RunItem, is_chain
from ductwork.contracts.stepfunctions_limits import MAX_PAYLOAD_BYTES

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.mirror.adopt_jobs import adopt_all
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import kept_pages, reset_tasks, restart_plan
from ductwork_airflow.runs.read_run import read_run
from ductwork_airflow.runs.restart_plan import Outcome, Plan, Wanted
from ductwork_airflow.submit import child_machines, state_machine
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.job_chain import JobSubmitter
from ductwork_airflow.submit.pace import Pace
from ductwork_airflow.submit.resubmission import among_themselves
from ductwork_airflow.submit.stop_check import unless_stopped
from ductwork_airflow.trigger_rules import no_instance

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_stepfunctions import SFNClient


# What a machine adds to its input when it hands it to a child.
_OF_CHILDREN_BYTES = 8 * 1024


class Again(TypedDict, total=False):
    """What :func:`restart` may be told."""

    task_ids: Sequence[str] | None
    only: bool
    marks: Mapping[str, str] | None
    failed: bool
    instances: Mapping[str, Sequence[int]] | None


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
    connection = Connection(clients, handle.ledger_table)
    run = read_run(connection.ledger, handle.dag_id, handle.run_id)
    if run is None:
        raise SubmissionError(f"the ledger has no run {handle.run_id!r} of DAG {handle.dag_id!r}: submit it")
    if "ended_at" in run:
        wanted = Wanted(tuple(task_ids or ()), only, dict(marks or {}), failed, dict(instances or {}))
        run = (_reopen_chain if is_chain(run) else _reopen_machine)(connection, run, wanted)
    return complete_restart(clients, handle, run, pace)


def _reopen_chain(connection: Connection, run: RunItem, wanted: Wanted) -> RunItem:
    """Plan the restart of an ended chain and put the run back to running; its item then.

    :raises SubmissionError: it cannot be restarted so
    """
    if run.get("execution_arn"):
        adopt_all(connection, run)
    ledger, names = connection.ledger, (run["dag_id"], run["run_id"])
    number = int(run.get("restarts", 0)) + 1
    plan = restart_plan.make(run, ledger.tasks(*names), number, wanted, ledger.mapped(*names))
    _jobs_again(ledger, run, plan)  # what cannot be submitted again is not to be reopened
    reset_tasks.reopen(ledger, run, plan, finished_at=None)
    return ledger.run(*names) or run


def _reopen_machine(connection: Connection, run: RunItem, wanted: Wanted) -> RunItem:
    """The same for the run of a state machine: a restart is a new execution of it."""
    ledger, names, execution = connection.ledger, (run["dag_id"], run["run_id"]), run["execution_arn"]
    number = state_machine.restarts(execution) + 1
    plan = restart_plan.make(run, ledger.tasks(*names), number, wanted, ledger.mapped(*names))
    machine = state_machine.machine_of(execution)
    client = connection.stepfunctions
    recalls = child_machines.before_restart(client, ledger, run["dag_id"], machine, keeps=bool(plan.done))
    if not recalls:
        _require_fitting(run, plan)
    again = state_machine.sibling(execution, state_machine.restart_name(*names, number))
    reset_tasks.reopen(ledger, run, plan, execution_arn=again)
    return ledger.run(*names) or run


def complete_restart(clients: Clients, handle: RunHandle, run: RunItem, pace: Pace | None) -> RunHandle:
    """Carry out a restart that has been decided, unless that has been done.

    :param run: the run's item, with the plan in it if it has not been carried out
    :return: the handle to the run's newest execution
    """
    if (plan := Plan.of(run)) is not None:
        ledger = Connection(clients, handle.ledger_table).ledger
        reset_tasks.reset(ledger, run, ledger.tasks(handle.dag_id, handle.run_id), plan)
        if is_chain(run):
            _resubmit(clients.client("batch"), ledger, run, plan, pace)
        else:
            _restart_machine(clients.client("stepfunctions"), ledger, run, plan)
    return handle.following(run)


def _restart_machine(client: SFNClient, ledger: Ledger, run: RunItem, plan: Plan) -> None:
    arn, kept = run["execution_arn"], _kept(plan)
    given = _restart_input(run, {"done": kept} if kept else {})
    if len(given.encode()) > _most(run):
        given = _restart_input(run, {"kept": kept_pages.put(ledger, run, plan.number, kept)})
    # The first state replaces the run's item, and the plan in it is gone.
    machine, name = state_machine.machine_of(arn), arn.rpartition(":")[2]
    state_machine.start_named(client, machine, name, given)


def _kept(plan: Plan) -> Mapping[str, Outcome]:
    return {**plan.done, **plan.kept}


def _restart_input(run: RunItem, kept: Mapping[str, object]) -> str:
    values: dict[str, object] = {
        name: run[name] for name in ("run_id", "run_type", "logical_date", "data_interval_start", "data_interval_end")
    }
    values |= {name: run[name] for name in ("partition_key", "partition_date") if run.get(name)}
    if after := run.get("asset_events_after"):
        values |= {"asset_events_after": after, "run_after": run["run_after"]}
    if (conf := run.get("conf") or "{}") != "{}":
        values["conf"] = conf
    return json_text({**values, **kept})


def _most(run: RunItem) -> int:
    """Bytes of the input of a restart that says itself what it keeps: child machines are handed that too."""
    return MAX_PAYLOAD_BYTES - (_OF_CHILDREN_BYTES if run.get("manifest") else 0)


def _require_fitting(run: RunItem, plan: Plan) -> None:
    """Check that an execution takes its input, and that child machines can be handed it, where none reads the ledger.

    :raises SubmissionError: it is too large
    """
    size, limit = len(_restart_input(run, {"done": _kept(plan)}).encode()), _most(run)
    if size > limit:
        raise SubmissionError(
            f"a restart that keeps {len(plan.done):,} tasks takes an input of {size:,} bytes, and an execution takes "
            f"{limit:,}: keep fewer, by naming tasks from which on all is to run again (--task), or start the run "
            "again under another run id"
        )


def _resubmit(client: BatchClient, ledger: Ledger, run: RunItem, plan: Plan, pace: Pace | None) -> None:
    claims = Claims(ledger, run["dag_id"], run["run_id"], round=plan.number)
    jobs = JobSubmitter(client, claims, pace)
    if unless_stopped(lambda: jobs.submit(_jobs_again(ledger, run, plan))):
        changes = {"restart": None, "restarts": plan.number}
        ledger.update(run["pk"], run["sk"], changes, condition="#restarts = :restarts")


def _jobs_again(ledger: Ledger, run: RunItem, plan: Plan) -> list[Job]:
    """The jobs of a chain that a restart submits.

    :raises SubmissionError: one has never been submitted, or would depend on more than Batch allows
    """
    carried = no_instance.task_by_job_name(run["tasks"])
    claims = Claims(ledger, run["dag_id"], run["run_id"]).all()
    if missing := carried.keys() - {claim["name"] for claim in claims}:
        raise SubmissionError(
            f"run {run['run_id']!r} was stopped before its jobs were all submitted ({len(missing)} are missing): "
            "submit it again, which starts nothing and tells what they are, then restart it"
        )
    again = set(plan.again)
    wanted = {job for job, task_id in carried.items() if task_id in again}
    return among_themselves([Job.of_claim(claim) for claim in claims], wanted, carried.keys())
