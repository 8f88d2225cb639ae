"""The values that the instances of a mapped task have pushed under one key, as a sequence in order of map index.

A task reads such a sequence an item at a time. So where each item lies is looked up once, and then kept for a few
seconds: a sequence that is read belongs to tasks that have ended, except under unusual trigger rules.
"""

from __future__ import annotations

import time
from typing import cast

from ductwork.contracts import ledger as schema
from ductwork.contracts.task_item import XComItem

from ductwork_airflow.execution_api.router import Call
from ductwork_airflow.execution_api.session import Session
from ductwork_airflow.ledger import decoded

KEPT_SECONDS = 5.0


class Sequence:
    """The values of one XCom key of a mapped task.

    :param pk: partition key of the run
    :param prefix: what the sort keys of the values share
    """

    def __init__(self, session: Session, pk: str, prefix: str) -> None:
        self._session, self._pk, self._prefix = session, pk, prefix

    @classmethod
    def of(cls, call: Call) -> Sequence:
        """The sequence that a request's path names."""
        params = call.params
        pk = schema.run_pk(params["dag_id"], params["run_id"])
        return cls(call.session, pk, schema.xcom_prefix(params["task_id"], params["key"]))

    def __len__(self) -> int:
        return len(self._keys(fresh=True))

    def at(self, offset: int) -> object:
        """The value at a place in the sequence; a negative one counts from its end.

        :raises IndexError: the sequence is shorter
        """
        for fresh in (False, True):
            try:
                key = self._keys(fresh=fresh)[offset]
            except IndexError:
                continue
            if (item := self._session.ledger.get(self._pk, key)) is not None:
                return decoded(cast(XComItem, item))["value"]
        raise IndexError(offset)

    def slice(self, start: int | None, stop: int | None, step: int | None) -> list[object]:
        """The values at ``[start:stop:step]``, as Python slices, read with one query."""
        keys = self._keys(fresh=True)[start:stop:step]
        if not keys:
            return []
        items = self._session.ledger.between(self._pk, min(keys), max(keys))
        values = {item["sk"]: decoded(cast(XComItem, item))["value"] for item in items}
        return [values[key] for key in keys if key in values]

    def _keys(self, *, fresh: bool) -> list[str]:
        cache, name = self._session.sequences, (self._pk, self._prefix)
        kept_at, keys = cache.get(name, (0.0, []))
        if fresh or not kept_at or time.monotonic() - kept_at > KEPT_SECONDS:
            keys = self._session.ledger.sort_keys(self._pk, self._prefix)
            cache[name] = (time.monotonic(), keys)
        return keys
