"""What Airflow's code is given of one try: the task instance, and a client whose server is the ledger."""

from __future__ import annotations

from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance

from ductwork_airflow.execution_api import LedgerTransport, Session


def sdk_task_instance(session: Session) -> TaskInstance:
    """The try in the shape of Airflow's execution API."""
    return TaskInstance.model_validate(session.task_instance())


def ledger_client(session: Session) -> Client:
    """Airflow's client of the Task Execution API; no request leaves the process."""
    return Client(base_url=None, dry_run=True, token="", transport=LedgerTransport(session))
