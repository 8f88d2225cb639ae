"""The facts of the tasks of DAGs that several machines carry: a few items each, written before a run can name them.

A manifest is called by a hash of what it holds. So it never changes, and a process reads each one once.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import cast

from ductwork.contracts import ledger as schema
from ductwork.contracts.compression import compressed, unpacked_text
from ductwork.contracts.ledger import json_text
from ductwork.contracts.machine_bundle import TaskManifest
from ductwork.contracts.task_facts import Facts

from ductwork_airflow.ledger.items import Items
from ductwork_airflow.ledger.moments import expiry
from ductwork_airflow.ledger.table import LedgerError

# Of text in an item, which has room for 400 KB.
_CHUNK_BYTES = 300_000
_RENEWED_SECONDS = 86_400
# Of a few DAGs, as a process knows them; by DAG and id.
_known: OrderedDict[tuple[str, str], Facts] = OrderedDict()
_KNOWN_AT_MOST = 8


class Manifests(Items):
    """Items of manifests."""

    def manifest(self, dag_id: str, manifest_id: str) -> Facts:
        """The facts of a DAG's tasks; not to be changed, since others of this process are given the same.

        :raises LedgerError: the manifest is not there, or not whole
        """
        key = (dag_id, manifest_id)
        if (facts := _known.get(key)) is None:
            facts = _known[key] = self._read_manifest(dag_id, manifest_id)
            while len(_known) > _KNOWN_AT_MOST:
                _known.popitem(last=False)
        return facts

    def put_manifest(self, dag_id: str, manifest: TaskManifest, *, lasting: bool) -> None:
        """Write a manifest, or keep one that is there for longer.

        :param lasting: whoever starts a run later may not come here first, so it never expires
        """
        text = compressed(json_text(manifest["tasks"]))
        chunks = [text[start : start + _CHUNK_BYTES] for start in range(0, len(text), _CHUNK_BYTES)]
        kept = self._keep(dag_id, manifest["id"], lasting=lasting)
        for number, chunk in enumerate(chunks):
            key = (schema.manifest_pk(dag_id), schema.manifest_sk(manifest["id"], number))
            if key[1] not in kept:
                item = {"pk": key[0], "sk": key[1], "facts": chunk, "chunks": len(chunks)}
                expires = {} if lasting else {"expires_at": expiry()}
                if not self._put({**item, **expires}, condition="attribute_not_exists(pk)"):
                    self._keep(dag_id, manifest["id"], lasting=lasting)  # somebody else is writing the same

    def keep_manifest(self, dag_id: str, manifest_id: str) -> None:
        """Keep a manifest for as long as what is begun now.

        :raises LedgerError: it is not there
        """
        if not self._keep(dag_id, manifest_id, lasting=False):
            raise self._missing(dag_id, manifest_id)

    def _keep(self, dag_id: str, manifest_id: str, *, lasting: bool) -> set[str]:
        """Put off the expiry of a manifest's items; one that lasts stays so. The sort keys of those that are there."""
        pk, kept = schema.manifest_pk(dag_id), set()
        items = self.partition(pk, schema.manifest_prefix(manifest_id), ProjectionExpression="sk, expires_at")
        for item in list(items):
            until, wanted = item.get("expires_at"), None if lasting else expiry()
            is_kept = until is None or (wanted is not None and until > wanted - _RENEWED_SECONDS)
            # One whose time has come may be gone by then, or made to last.
            if is_kept or self.update(pk, item["sk"], {"expires_at": wanted}, condition="attribute_exists(expires_at)"):
                kept.add(item["sk"])
        return kept

    def _read_manifest(self, dag_id: str, manifest_id: str) -> Facts:
        items = list(self.partition(schema.manifest_pk(dag_id), schema.manifest_prefix(manifest_id)))
        if not items or len(items) < items[0]["chunks"]:
            raise self._missing(dag_id, manifest_id)
        return cast(Facts, json.loads(unpacked_text("".join(item["facts"] for item in items))))

    def _missing(self, dag_id: str, manifest_id: str) -> LedgerError:
        return LedgerError(
            f"the manifest {manifest_id} of DAG {dag_id!r}, which says what its tasks are, is not in the ledger "
            f"{self.table!r}: submit or deploy what the DAG was compiled to, which writes it"
        )
