"""Airflow's own API client, talking to the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.sdk.api.client import Client
from ductwork_airflow.execution_api import LedgerTransport, Session
from ductwork_airflow.ledger import Ledger
from harness import start_run

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


class Api:
    """A session and the client on it."""

    def __init__(self, ledger: Ledger, session: Session) -> None:
        self.ledger = ledger
        self.session = session
        self.client = Client(base_url=None, dry_run=True, token="", transport=LedgerTransport(session))
        self.ti = self.client.task_instances
        self.id = session.ti_id
        self.where = (session.dag_id, session.run_id, session.task_id)

    def start(self, pid: int = 7) -> Any:
        return self.ti.start(self.id, pid, NOW)

    @property
    def item(self) -> dict[str, Any]:
        return self.session.item() or {}


MakeApi = Callable[..., Api]


@pytest.fixture
def make_api(ledger: Ledger) -> MakeApi:
    def make(
        *,
        dag_id: str | None = None,
        run_id: str = "run-1",
        task_id: str = "task",
        map_index: int = -1,
        try_number: int = 1,
        max_tries: int = 0,
        job_id: str = "job-1",
        run: dict[str, Any] | None = None,
    ) -> Api:
        dag_id = dag_id or f"dag_{uuid.uuid4().hex[:8]}"
        item = ledger.run(dag_id, run_id) or start_run(ledger, dag_id, run_id, **(run or {}))
        return Api(ledger, Session(ledger, item, task_id, map_index, try_number, max_tries, job_id, 1))

    return make


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    return make_api()
