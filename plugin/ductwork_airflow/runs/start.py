"""Starts a run on AWS, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from ductwork.contracts.job_chain import JobChain
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.ledger import moment
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs.read_run import read_run, same_target
from ductwork_airflow.runs.restart import complete_restart
from ductwork_airflow.submit import child_machines, job_queues, state_machine
from ductwork_airflow.submit import job_definitions as definitions
from ductwork_airflow.submit.job_chain import ChainSubmitter
from ductwork_airflow.submit.pace import Pace
from ductwork_airflow.submit.stop_check import unless_stopped
from ductwork_airflow.submit.substitutions import complete, fill


def submit(
    clients: Clients,
    artefact: JsonObject,
    target: str,
    request: RunRequest,
    *,
    ledger_table: str,
    role_arn: str | None = None,
    state_machine_arn: str | None = None,
    places: Mapping[str, str] | None = None,
    pace: Pace | None = None,
    job_definitions: Sequence[JsonObject] = (),
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
    ledger = Connection(clients, ledger_table).ledger
    run = read_run(ledger, request.dag_id, request.run_id)
    document = complete(artefact, {"LedgerTable": ledger_table, **(places or {})})
    handle = RunHandle(request.dag_id, request.run_id, target, ledger_table)
    if run is not None:
        same_target(run, target)
    else:
        job_queues.require(clients.client("batch"), document)
    if job_definitions:
        definitions.provide(clients.client("batch"), fill(list(job_definitions), places or {}))
    if run is None:
        definitions.require(clients.client("batch"), document)
    if target == "batch":
        if run is not None and run.get("restarts"):
            return complete_restart(clients, handle, run, pace)
        chain = ChainSubmitter(clients.client("batch"), ledger, cast(JobChain, document), request, pace)
        unless_stopped(chain.submit)
        return handle
    client = clients.client("stepfunctions")
    arn = child_machines.provide(client, ledger, request.dag_id, document, role_arn, state_machine_arn)
    execution = state_machine.start(client, arn, request)
    # Once the run has been restarted, its item names a newer execution than the first.
    run_item = read_run(ledger, request.dag_id, request.run_id) or {}
    return handle.at(run_item.get("execution_arn") or execution)


def deploy(
    clients: Clients,
    artefact: JsonObject,
    dag_id: str,
    *,
    ledger_table: str,
    role_arn: str,
    places: Mapping[str, str] | None = None,
) -> str:
    """Make the DAG's state machines be ``artefact``, starting nothing. Parameters as for :func:`submit`.

    :return: the ARN to start executions with
    """
    document = complete(artefact, {"LedgerTable": ledger_table, **(places or {})})
    client, ledger = clients.client("stepfunctions"), Connection(clients, ledger_table).ledger
    return child_machines.deploy(client, ledger, dag_id, document, role_arn, lasting=True)


def with_dates_of_existing_run(clients: Clients, request: RunRequest, ledger_table: str) -> RunRequest:
    """A request without a logical date of its own, with the dates of its run if that exists already."""
    run = read_run(Connection(clients, ledger_table).ledger, request.dag_id, request.run_id)
    if run is None:
        return request
    date, start, end = (moment(run[name]) for name in ("logical_date", "data_interval_start", "data_interval_end"))
    return replace(request, logical_date=date, data_interval=(start, end))
