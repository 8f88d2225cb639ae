"""What Airflow's code is given of one try: the task instance, and a client whose server is the ledger."""

from __future__ import annotations

from typing import Any

from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance

from ductwork_airflow.execution_api import LedgerTransport, Session


def task_instance(session: Session) -> TaskInstance:
    return TaskInstance(
        id=session.ti_id,
        task_id=session.task_id,
        dag_id=session.dag_id,
        run_id=session.run_id,
        try_number=session.try_number,
        map_index=session.map_index,
        dag_version_id=session.dag_version_id,
    )


def ledger_client(session: Session) -> Any:
    """Airflow's client of the Task Execution API; no request leaves the process."""
    return Client(base_url=None, dry_run=True, token="", transport=LedgerTransport(session))
