"""The ledger's runs: an item each, and the index ``by_dag``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, cast

from ductwork.contracts import absent_tasks
from ductwork.contracts import ledger as schema
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.ledger.compression import packed, unpacked
from ductwork_airflow.ledger.manifests import Manifests
from ductwork_airflow.ledger.moments import now
from ductwork_airflow.ledger.values import Item, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


class Runs(Manifests):
    """Items of runs."""

    def start_run(self, dag_id: str, run_id: str, **attributes: object) -> bool:
        """Create a run item in state ``running``. False if this run exists already, which changes nothing."""
        moment = now()
        item = {
            "pk": schema.run_pk(dag_id, run_id),
            "sk": schema.RUN_SK,
            "dag_id": dag_id,
            "run_id": run_id,
            "state": "running",
            "started_at": moment,
            "updated_at": moment,
            **attributes,
        }
        return self._put(packed(item), condition="attribute_not_exists(pk)")

    def run(self, dag_id: str, run_id: str) -> RunItem | None:
        """A run's item, with what it says as JSON text decoded; None if there is no such run.

        :raises LedgerError: the manifest that it names is missing
        """
        item = self.get(schema.run_pk(dag_id, run_id), schema.RUN_SK)
        return self._read(item) if item else None

    def amend_run(self, dag_id: str, run_id: str, changes: JsonObject) -> bool:
        """Set attributes of a run's item that do not move its state; False if there is no such run."""
        return self.update(schema.run_pk(dag_id, run_id), schema.RUN_SK, changes)

    def runs(self, dag_id: str) -> Iterator[RunItem]:
        """The runs of a DAG, newest start first."""
        return map(self._read, self._query(self._by_dag(dag_id)))

    def run_heads(self, dag_id: str, names: Sequence[str], limit: int) -> list[RunItem]:
        """Some attributes of a DAG's newest runs, newest start first; what a run says of its tasks may be large.

        :param names: of the attributes
        :param limit: how many runs at the most
        """
        shown = {f"#{name}": name for name in names}
        request: QueryInputTypeDef = {
            **self._by_dag(dag_id),
            "ExpressionAttributeNames": shown,
            "ProjectionExpression": ", ".join(shown),
            "Limit": limit,
        }
        return [cast(RunItem, item) for item in islice(self._query(request), limit)]

    def _by_dag(self, dag_id: str) -> QueryInputTypeDef:
        return {
            "TableName": self.table,
            "IndexName": schema.INDEX_BY_DAG,
            "KeyConditionExpression": "dag_id = :dag_id",
            "ExpressionAttributeValues": typed({":dag_id": dag_id}),
            "ScanIndexForward": False,
        }

    def _read(self, item: Item) -> RunItem:
        run = cast(RunItem, unpacked(item))
        if "tasks" not in run and "manifest" in run:
            run["tasks"] = self.manifest(run["dag_id"], run["manifest"])
        return absent_tasks.marked(run)
