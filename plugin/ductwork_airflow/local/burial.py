"""Runs whose embedded AWS is gone: nothing carries them on, so the ledger says that they have failed."""

from __future__ import annotations

from ductwork.contracts import ledger as schema

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.ledger.values import plain
from ductwork_airflow.local import origins
from ductwork_airflow.local.run import home
from ductwork_airflow.mirror import end_tasks

GONE = "the embedded AWS that carried the run out was stopped"


def bury(clients: Clients, table: str) -> list[tuple[str, str]]:
    """End the runs that have not ended, but for those that another process carries out.

    :param table: the ledger's
    :return: DAG id and run id of each
    """
    client = clients.client("dynamodb")
    ledger = Ledger(table, client)
    buried = []
    for page in client.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk, dag_id, run_id"):
        for item in map(plain, page["Items"]):
            if item["sk"] == schema.RUN_SK and _bury(ledger, item["dag_id"], item["run_id"]):
                buried.append((item["dag_id"], item["run_id"]))
    return buried


def _bury(ledger: Ledger, dag_id: str, run_id: str) -> bool:
    run = ledger.run(dag_id, run_id)
    if run is None or "ended_at" in run:
        return False
    with origins.exclusive(home(), dag_id, run_id) as free:
        return free and end_tasks.end_all(ledger, run, ledger.tasks(dag_id, run_id), GONE)
