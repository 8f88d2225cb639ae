"""The remote run as a mirror task sees it: what the ledger has of it, and clients of the AWS that it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ductwork.contracts import ledger as schema
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.airflow_side.attachments import Attachments, DagRun
from ductwork_airflow.hooks import DuctworkHook, HookSettings
from ductwork_airflow.ledger import Ledger, TaskKey
from ductwork_airflow.run_model.handle import RunHandle

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import DagRunProtocol


@dataclass
class RemoteRun:
    """One run. Every method calls AWS and blocks.

    :param connection: the hook's settings, see :data:`ductwork_airflow.hooks.SETTINGS`
    """

    dag_id: str
    run_id: str
    target: str
    ledger_table: str
    connection: HookSettings

    @classmethod
    def of(cls, operator: BaseOperator, dag_id: str, run_id: str) -> RemoteRun:
        """The run that a mirror task shows, reached by the operator's own connection."""
        return cls(dag_id, run_id, operator.target, operator.ledger_table, operator.connection())

    @cached_property
    def clients(self) -> DuctworkHook:
        return DuctworkHook.from_settings(self.connection)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.ledger_table, self.clients.client("dynamodb"))

    def run(self) -> RunItem | None:
        return self.ledger.run(self.dag_id, self.run_id)

    def is_of(self, dag_run: DagRunProtocol, submit_task_id: str) -> bool:
        """Whether the task that starts the run has done so in this DAG run of Airflow."""
        key = schema.submitter_key(self.dag_id, self.run_id, submit_task_id)
        attachment = Attachments(self.ledger, key).read()
        return attachment is not None and not attachment.replaces and attachment.is_of(DagRun.of(dag_run))

    def is_attached(self, submit_task_id: str) -> bool:
        """Whether the run belongs to the DAG run that the task has last tried to start it for."""
        key = schema.submitter_key(self.dag_id, self.run_id, submit_task_id)
        attachment = Attachments(self.ledger, key).read()
        return attachment is not None and not attachment.replaces and attachment.refused is None

    def task(self, task_id: str, map_index: int = schema.UNMAPPED) -> TaskItem | None:
        """A task instance. What has diverted a mapped task as a whole stands for each of its instances."""
        item = self.ledger.task(self.dag_id, self.run_id, task_id, map_index)
        if item is None and map_index >= 0:
            item = self.ledger.task(self.dag_id, self.run_id, task_id)
        return item and {**item, "task_id": task_id}

    def tasks(self) -> dict[TaskKey, TaskItem]:
        """All task instances of the run, in one query however many they are."""
        items = self.ledger.tasks(self.dag_id, self.run_id)
        return {(item["task_id"], item["map_index"]): item for item in items}

    def handle(self, run: RunItem) -> RunHandle:
        return RunHandle(self.dag_id, self.run_id, self.target, self.ledger_table, run.get("execution_arn"))
