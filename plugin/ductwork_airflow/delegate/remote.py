"""The remote run as a mirror task sees it: ledger, logs and the calls of :mod:`ductwork_airflow.submit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ductwork import ledger_schema as schema

from ductwork_airflow.hooks import DuctworkHook
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.submit.remote import RunHandle

# Task id and map index.
Instance = tuple[str, int]


@dataclass
class Remote:
    """One run. Every method calls AWS and blocks.

    :param connection: the hook's settings, see :data:`ductwork_airflow.hooks.SETTINGS`
    """

    dag_id: str
    run_id: str
    target: str
    ledger_table: str
    connection: Mapping[str, Any]

    @classmethod
    def of(cls, operator: Any, dag_id: str, run_id: str) -> Remote:
        return cls(dag_id, run_id, operator.target, operator.ledger_table, operator.connection())

    @cached_property
    def clients(self) -> DuctworkHook:
        return DuctworkHook.from_settings(self.connection)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.ledger_table, self.clients.client("dynamodb"))

    def run(self) -> Item | None:
        return self.ledger.run(self.dag_id, self.run_id)

    def task(self, task_id: str, map_index: int = schema.UNMAPPED) -> Item | None:
        """A task instance. What has diverted a mapped task as a whole stands for each of its instances."""
        found = self.ledger.task(self.dag_id, self.run_id, task_id, map_index)
        if found is None and map_index >= 0:
            found = self.ledger.task(self.dag_id, self.run_id, task_id)
        return found and {**found, "task_id": task_id}

    def tasks(self) -> dict[Instance, Item]:
        """All task instances of the run, in one query however many they are."""
        items = self.ledger.tasks(self.dag_id, self.run_id)
        return {(item["task_id"], item["map_index"]): item for item in items}

    def handle(self, run: Mapping[str, Any]) -> RunHandle:
        return RunHandle(self.dag_id, self.run_id, self.target, self.ledger_table, run.get("execution_arn"))
