"""The ledger's task instances: an item each, moved back by restarts alone; markers of the mapped ones that ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from ductwork.contracts import ledger as schema
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.task_item import MapItem, TaskItem

from ductwork_airflow.ledger import batch_get, transactions
from ductwork_airflow.ledger.items import Items
from ductwork_airflow.ledger.moments import expiry, now
from ductwork_airflow.ledger.values import Item, plain, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateItemInputTypeDef, UpdateTypeDef

TaskKey: TypeAlias = tuple[str, int]
"""Within a run: the task id and the map index, -1 of a task that is not mapped or of a mapped one as a whole."""
_MOST_WRITES = 100  # of a transaction


class Move(NamedTuple):
    """What :meth:`Tasks.move_task` is to do with one task instance."""

    pk: str
    sk: str
    changes: JsonObject
    condition: str
    values: JsonObject


class Tasks(Items):
    """Items of task instances."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        super().__init__(table, client)
        # DynamoDB-compatible servers without transactions get a marker's write after the item's.
        self._has_transactions = True

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int = schema.UNMAPPED) -> TaskItem | None:
        """A task instance's item; None if nobody has said anything of it."""
        return self.instance(schema.run_pk(dag_id, run_id), schema.task_sk(task_id, map_index))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskItem]:
        """All task instances of a run, with ``task_id`` and ``map_index`` filled in from their keys."""
        items = [_instance(item) for item in self.partition(schema.run_pk(dag_id, run_id), "task#")]
        mapped = {item["task_id"] for item in items if item["map_index"] >= 0}
        return [item for item in items if not (item["task_id"] in mapped and _unexpanded(item))]

    def instances(self, dag_id: str, run_id: str, task_id: str) -> Iterator[TaskItem]:
        """The instances of one task, as :meth:`tasks` gives them, read lazily and in no order of their indexes."""
        return map(_instance, self.partition(schema.run_pk(dag_id, run_id), f"task#{task_id}#"))

    def some_tasks(self, dag_id: str, run_id: str, wanted: Sequence[TaskKey]) -> dict[TaskKey, TaskItem]:
        """Some task instances by task id and map index, a hundred a request; those that have no item are left out."""
        pk = schema.run_pk(dag_id, run_id)
        typed_items = batch_get.items(self._client, self.table, [(pk, schema.task_sk(*each)) for each in wanted])
        return {schema.parse_task_sk(sk): cast(TaskItem, plain(item)) for (_, sk), item in typed_items.items()}

    def ends(self, dag_id: str, run_id: str, task_id: str) -> Iterator[tuple[int, str]]:
        """The map index and the state of each instance of a mapped task that has ended."""
        for sk in self.sort_keys(schema.run_pk(dag_id, run_id), schema.ended_prefix(task_id)):
            _, _, state, index = sk.split("#")
            yield int(index), state

    def any_ended(self, dag_id: str, run_id: str, task_id: str, state: str) -> bool:
        """Whether any instance of a mapped task has ended so."""
        markers = self.partition(schema.run_pk(dag_id, run_id), schema.ended_prefix(task_id, state), Limit=1)
        return next(markers, None) is not None

    def mapped(self, dag_id: str, run_id: str) -> dict[str, MapItem]:
        """By task id what a run's mapped tasks expanded to."""
        prefix = schema.map_sk("")
        items = self.partition(schema.run_pk(dag_id, run_id), prefix)
        return {item["sk"].removeprefix(prefix): cast(MapItem, item) for item in items}

    def record_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        state: str,
        try_number: int,
        *,
        map_index: int = schema.UNMAPPED,
        owner: bool = False,
        instead_of: int | None = None,
        **attributes: object,
    ) -> bool:
        """Move a task instance forward. False if the ledger already knows something later, which changes nothing.

        :param owner: the caller is the worker of this very try, so states of equal order (``running``, ``deferred``,
            ``up_for_reschedule``) may follow one another; everybody else needs a strictly higher rank
        :param instead_of: a try that was announced and never began: the write takes its place
        :param attributes: further attributes to set; None removes one
        """
        changes = {**moved_to(state, try_number, instead_of or 0), "expires_at": expiry(), **attributes}
        forward = "<=" if owner and state not in schema.TERMINAL_STATES else "<"
        condition = (
            f"(attribute_not_exists(#rank) OR #rank {forward} :rank) "
            "AND (attribute_not_exists(#outcome) OR #try_number < :try_number)"
        )
        return self.move_task(
            schema.run_pk(dag_id, run_id), schema.task_sk(task_id, map_index), changes, condition=condition
        )

    def move_task(
        self,
        pk: str,
        sk: str,
        changes: JsonObject,
        *,
        condition: str,
        values: JsonObject | None = None,
    ) -> bool:
        """:meth:`update` for a change of a task instance's state: a mapped instance's marker (see
        :mod:`ductwork.contracts.ledger`) changes with it. True also if a lost reply hid that it was done already.

        :param changes: among them ``outcome``, see :func:`moved_to`
        """
        changes = {"updated_at": now(), **changes}
        task_id, map_index = schema.parse_task_sk(sk)
        past: str | None = None
        while True:
            guard = "attribute_not_exists(#outcome)" if past is None else "#outcome = :past_outcome"
            compared = dict(values or {}) | ({":past_outcome": past} if past is not None else {})
            old, new = (
                schema.ended_sk(task_id, str(state), map_index) if state and map_index >= 0 else None
                for state in (past, changes["outcome"])
            )
            request = self._update_request(pk, sk, changes, f"({condition}) AND {guard}", compared)
            if self._update_marked(request, old, new, {"pk": pk, "sk": sk, **changes}):
                return True
            item = self.get(pk, sk) or {}
            if _holds(item, changes):
                if not self._has_transactions:
                    self._mark(pk, old, new)
                return True
            if item.get("outcome") == past:
                return False
            past = item.get("outcome")

    def move_tasks(self, moves: Sequence[Move]) -> None:
        """:meth:`move_task` for many task instances that have not ended, up to a hundred writes a request.

        Where one of a request's conditions does not hold, its moves are made one by one, those that still can be.
        """
        batch: list[Move] = []
        writes: list[TransactWriteItemTypeDef] = []
        for move in moves:
            own = self._writes(move)
            if len(writes) + len(own) > _MOST_WRITES:
                self._move_all(batch, writes)
                batch, writes = [], []
            batch.append(move)
            writes += own
        self._move_all(batch, writes)

    def _writes(self, move: Move) -> list[TransactWriteItemTypeDef]:
        task_id, map_index = schema.parse_task_sk(move.sk)
        condition = f"({move.condition}) AND attribute_not_exists(#outcome)"
        request = self._update_request(move.pk, move.sk, {"updated_at": now(), **move.changes}, condition, move.values)
        new = schema.ended_sk(task_id, str(move.changes["outcome"]), map_index) if map_index >= 0 else None
        return [{"Update": cast("UpdateTypeDef", request)}, *self._marker_writes(move.pk, None, new)]

    def _move_all(self, moves: Sequence[Move], writes: Sequence[TransactWriteItemTypeDef]) -> None:
        if len(moves) > 1 and self._has_transactions:
            try:
                if transactions.write(self._client, writes):
                    return
            except transactions.Unsupported:
                self._has_transactions = False
        for move in moves:
            self.move_task(move.pk, move.sk, move.changes, condition=move.condition, values=move.values)

    def _update_marked(
        self, request: UpdateItemInputTypeDef, old: str | None, new: str | None, item: JsonObject
    ) -> bool:
        """Carry out an update of a task instance, its marker moved from ``old`` to ``new`` in the same transaction."""
        pk = str(item["pk"])
        markers = self._marker_writes(pk, old, new)
        if markers and self._has_transactions:
            try:
                return transactions.write(self._client, [{"Update": cast("UpdateTypeDef", request)}, *markers])
            except transactions.Unsupported:
                self._has_transactions = False
        if not self._update(request, item):
            return False
        self._mark(pk, old, new)
        return True

    def _marker_writes(self, pk: str, old: str | None, new: str | None) -> list[TransactWriteItemTypeDef]:
        writes: list[TransactWriteItemTypeDef] = []
        if old not in {None, new}:
            writes.append({"Delete": {"TableName": self.table, "Key": typed({"pk": pk, "sk": old})}})
        if new is not None:
            marker = typed({"pk": pk, "sk": new, "expires_at": expiry()})
            writes.append({"Put": {"TableName": self.table, "Item": marker}})
        return writes

    def _mark(self, pk: str, old: str | None, new: str | None) -> None:
        """Move a marker where the server knows no transactions."""
        for write in self._marker_writes(pk, old, new):
            if "Put" in write:
                self._client.put_item(TableName=self.table, Item=write["Put"]["Item"])
            else:
                self._client.delete_item(TableName=self.table, Key=write["Delete"]["Key"])


def moved_to(state: str, try_number: int, known_try: int = 0) -> dict[str, object]:
    """What a write sets to move a task instance to a state; None removes an attribute.

    ``outcome`` exists only when the task instance has ended; from then on nothing but a further try may change it.

    :param known_try: a try that the ledger may know of already, perhaps later than this one: the rank is not below it
    """
    ends = state in schema.TERMINAL_STATES
    return {
        "state": state,
        "try_number": try_number,
        "rank": schema.rank(state, max(try_number, known_try)),
        "outcome": state if ends else None,
        "ended_at": now() if ends else None,
    }


def _instance(item: Item) -> TaskItem:
    task_id, map_index = schema.parse_task_sk(item["sk"])
    return {**cast(TaskItem, item), "task_id": task_id, "map_index": map_index}


def _unexpanded(item: TaskItem) -> bool:
    """Whether an item stands for a mapped task that a restart has reset, and that has been expanded since."""
    return bool(item["map_index"] < 0 and item.get("state") == "scheduled")


def _holds(item: Item, changes: JsonObject) -> bool:
    """Whether an item is as ``changes`` would make it, to the millisecond of the write."""
    present = {name: value for name, value in changes.items() if value is not None}
    gone = changes.keys() - present.keys()
    return plain(typed(present)) == {name: item.get(name) for name in present} and not gone & item.keys()
