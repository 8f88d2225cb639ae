"""Which callbacks are to be run: what Airflow's scheduler would ask of the DAG processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.execution_api import Session, dag_runs
from ductwork_airflow.execution_api.session import required

Kind = Literal["retry", "failure", "run"]


class _Place(TypedDict):
    dag_id: str
    run_id: str
    bundle: str
    dag_file: str
    dag_run: JsonObject


@dataclass(frozen=True)
class Callbacks:
    """Which callbacks to run, and what of their context only the ledger knows.

    :param ti: a task instance in the execution API's shape; None for a run none of whose tasks ended so
    :param dag_run: the run in the execution API's shape
    :param message: why, for e-mails; for a run's callbacks the ``reason`` in their context
    :param failed: whether the run failed, for ``kind`` "run"
    """

    kind: Kind
    dag_id: str
    run_id: str
    bundle: str
    dag_file: str
    ti: JsonObject | None
    dag_run: JsonObject
    message: str
    max_tries: int = 0
    failed: bool = True

    @classmethod
    def of_task(cls, session: Session, item: TaskItem, kind: Kind, message: str) -> Callbacks:
        """The callbacks of a task instance whose worker has died.

        :param session: of the try that has died
        :param item: as the dead worker left it
        :raises LedgerError: the run lacks what every run must have
        """
        return cls(
            kind=kind, **_place(session), ti=_instance(session, item), message=message, max_tries=session.max_tries
        )

    @classmethod
    def of_run(cls, session: Session, last: TaskItem | None, reason: str, *, failed: bool) -> Callbacks:
        """The callbacks of a DAG.

        :param session: of the task instance ``last``
        :param last: the one in the context of the callbacks, if there is one
        :raises LedgerError: the run lacks what every run must have
        """
        ti = _instance(session, last) if last else None
        return cls(kind="run", **_place(session), ti=ti, message=reason, failed=failed)


def _place(session: Session) -> _Place:
    run = session.run
    return {
        "dag_id": run["dag_id"],
        "run_id": run["run_id"],
        "bundle": dag_runs.bundle(run),
        "dag_file": required(run, "dag_file"),
        "dag_run": dag_runs.document(session.ledger, run),
    }


def _instance(session: Session, item: TaskItem) -> dict[str, object]:
    """In the shape of Airflow's ``TaskInstance`` model."""
    return {**session.task_instance(), "hostname": item.get("hostname")}
