"""A run that has ended and is nothing to whoever asks for it now: everything runs again, as a new round of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import cast

from ductwork.contracts import run_item
from ductwork.contracts.job_chain import JobChain
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.ledger import moment
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs.read_run import same_target
from ductwork_airflow.runs.restart import restart
from ductwork_airflow.submit import child_machines
from ductwork_airflow.submit import job_definitions as definitions
from ductwork_airflow.submit.claims import Claims
from ductwork_airflow.submit.job_chain import ChainSubmitter
from ductwork_airflow.submit.substitutions import complete, fill

log = logging.getLogger(__name__)

_MOMENTS = ("logical_date", "data_interval_start", "data_interval_end")


def run_again(
    clients: Clients,
    artefact: JsonObject,
    target: str,
    request: RunRequest,
    *,
    ended_at: str,
    ledger_table: str,
    role_arn: str | None = None,
    state_machine_arn: str | None = None,
    places: Mapping[str, str] | None = None,
    job_definitions: Sequence[JsonObject] = (),
) -> RunHandle:
    """Run all tasks of an ended run again; parameters as for :func:`.start.submit`. It happens once.

    A state machine is brought up to date first. A chain submits again what it has submitted, so it must be the same.

    :param ended_at: when the run ended that is to be replaced. One that ended at another time has been
    :raises SubmissionError: the run had other values, or another chain
    """
    ledger = Connection(clients, ledger_table).ledger
    run = ledger.run(request.dag_id, request.run_id) or {}
    handle = RunHandle(request.dag_id, request.run_id, target, ledger_table, run.get("execution_arn"))
    if run.get("ended_at") != ended_at:
        return handle if "ended_at" in run else restart(clients, handle)
    same_target(run, target)
    _same_values(run, request)
    if job_definitions:
        definitions.provide(clients.client("batch"), fill(list(job_definitions), places or {}))
    document = complete(artefact, {"LedgerTable": ledger_table, **(places or {})})
    if target == "batch":
        chain = ChainSubmitter(clients.client("batch"), ledger, cast(JobChain, document), request)
        _same_jobs(chain, Claims(ledger, request.dag_id, request.run_id))
    else:
        client = clients.client("stepfunctions")
        child_machines.provide(client, ledger, request.dag_id, document, role_arn, state_machine_arn)
        if run_item.is_chain(run):
            log.warning("the jobs of run %s are submitted again as they were submitted first", request.run_id)
    return restart(clients, handle, sorted(run.get("tasks") or {}), only=True)


def _same_values(run: RunItem, request: RunRequest) -> None:
    wanted = {**request.run_item(), "conf": dict(request.conf)}
    # A machine writes the key of a run that has none as "".
    known = {**run, "partition_key": run.get("partition_key") or None, "conf": json.loads(run.get("conf") or "{}")}
    for name in (*_MOMENTS, "conf", "partition_key"):
        if _comparable(name, known.get(name)) != _comparable(name, wanted.get(name)):
            raise SubmissionError(
                f"run {request.run_id!r} of DAG {request.dag_id!r} has ended with other values: {name} was "
                f"{known.get(name)!r} and is {wanted.get(name)!r}. Choose another run id"
            )


def _comparable(name: str, value: object) -> object:
    if name in _MOMENTS and value:
        return moment(str(value))
    return value


def _same_jobs(chain: ChainSubmitter, claims: Claims) -> None:
    known = {claim["name"]: json.loads(claim["submit"]) for claim in claims.all()}
    wanted = {job.name: job.submit for job in chain.jobs()}
    if changed := sorted(name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name)):
        raise SubmissionError(
            f"run {claims.run_id!r} of DAG {claims.dag_id!r} has ended, and a chain runs again as it was submitted "
            f"first; since then its jobs have changed ({', '.join(changed)}). Choose another run id"
        )
