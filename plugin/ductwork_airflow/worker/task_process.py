"""The process in which Airflow's task runner runs one try of a task, or a part of one between two deferrals."""

from __future__ import annotations

import httpx
from airflow.sdk.api.datamodels._generated import BundleInfo

from ductwork_airflow import compat
from ductwork_airflow.execution_api import Session, dag_runs
from ductwork_airflow.ledger import LedgerError
from ductwork_airflow.worker.client import ledger_client, sdk_task_instance


def supervise(session: Session) -> int | None:
    """Run the task's process under Airflow's supervisor, until it ends.

    :return: the exit code of the process; None if it was not allowed to start
    :raises LedgerError: the ledger answers a request as it must not
    """
    try:
        return compat.supervise(
            ti=sdk_task_instance(session),
            bundle_info=BundleInfo(name=dag_runs.bundle(session.run), version=None),
            dag_rel_path=session.run["dag_file"],
            token="",
            client=ledger_client(session),
        )
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise LedgerError(_message(error)) from error
        return None
    except compat.already_running() as error:
        print(f"ductwork worker: {error}")
        return None
    finally:
        session.pid = None


def _message(error: httpx.HTTPStatusError) -> str:
    detail = getattr(error, "detail", None)
    return str(detail.get("message", detail)) if isinstance(detail, dict) else str(error)
