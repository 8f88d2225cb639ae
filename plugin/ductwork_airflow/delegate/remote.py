"""The remote run as a mirror task sees it: ledger, logs and the calls of :mod:`ductwork_airflow.submit`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ductwork import ledger_schema as schema

from ductwork_airflow.delegate import mapped
from ductwork_airflow.hooks import DuctworkHook
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.submit.remote import RunHandle


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

    def task(self, task_id: str) -> Item | None:
        """A task; of a mapped one that was expanded, all instances as one item (:func:`mapped.gather`)."""
        expansion = self.ledger.get(schema.run_pk(self.dag_id, self.run_id), schema.map_sk(task_id))
        if expansion is None or "size" not in expansion:
            return self.ledger.task(self.dag_id, self.run_id, task_id)
        return mapped.gather(self._indexed(self.ledger.instances(self.dag_id, self.run_id, task_id)), expansion)

    def tasks(self) -> dict[str, Item]:
        """All tasks by task id, as :meth:`task` gives them."""
        found = self.ledger.tasks(self.dag_id, self.run_id)
        single = {item["task_id"]: item for item in found if item["map_index"] < 0}
        expanded = self.ledger.mapped(self.dag_id, self.run_id)
        of_task: dict[str, list[Item]] = {task_id: [] for task_id, item in expanded.items() if "size" in item}
        for item in self._indexed(found):
            of_task.get(item["task_id"], []).append(item)
        return single | {task_id: mapped.gather(items, expanded[task_id]) for task_id, items in of_task.items()}

    @staticmethod
    def _indexed(items: Iterable[Item]) -> list[Item]:
        return [item for item in items if item["map_index"] >= 0]

    def handle(self, run: Mapping[str, Any]) -> RunHandle:
        return RunHandle(self.dag_id, self.run_id, self.target, self.ledger_table, run.get("execution_arn"))
