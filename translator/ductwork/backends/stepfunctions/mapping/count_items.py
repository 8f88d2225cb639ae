"""Counting the instances of a mapped task, or of a mapped task group, from what the ledger holds."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Lambda,
    Node,
    Value,
    Variable,
    call,
    either,
    exists,
    lifted,
    merged,
    product,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.contracts.ledger import RETURN_VALUE, xcom_prefix, xcom_sk
from ductwork.contracts.names import state_name
from ductwork.ir import Workflow
from ductwork.ir.map_length import Length

# No task has this id: blanks are not allowed in one.
_COUNTS = "the counts"
_MISSING = -1
_COUNTED = RESULT.field("Count")
# Where a page of a query ends: :meth:`Counting.items`.
_LAST = "last"


class Counting:
    """The states that count what a task or a group is expanded over, and expressions of the counts.

    :param label: names the states
    """

    def __init__(self, workflow: Workflow, label: str, length: Length) -> None:
        self._workflow, self._label, self._length = workflow, label, length
        self._sources = tuple(dict.fromkeys(length.sources()))

    @property
    def size(self) -> Node:
        """After :meth:`states`: how many instances there are."""
        return self._size(self._length)

    @property
    def missing(self) -> Node | None:
        """Condition: something that is to be counted is not there. None where that cannot be."""
        return either(*(self.of(source).equals(_MISSING) for source in self._sources)) if self._sources else None

    @property
    def told(self) -> Node:
        """:attr:`size`, and less than none where something is missing."""
        return when(self.missing, _MISSING, self.size) if self.missing else self.size

    def first(self, after: str) -> str:
        """The name of the first state, ``after`` if there is nothing to count."""
        return self._name(self._sources[0]) if self._sources else after

    def states(self, after: str) -> States:
        """The states that count, whose last leads to ``after``; counts are kept in the state data."""
        found: States = {}
        follows = [*map(self._name, self._sources[1:]), after]
        for source, then in zip(self._sources, follows, strict=bool(self._sources)):
            found |= self._of_source(source, then)
        return found

    def of(self, counted: str) -> Node:
        """A count."""
        return INPUT.field(_COUNTS, counted)

    def _name(self, source: str) -> str:
        return state_name(f"Count {self._label}: {source}")

    def _of_source(self, source: str, after: str) -> States:
        name = self._name(source)
        # Of a mapped group's tasks, Airflow does not count what the instances returned, and neither does this.
        if self._workflow.by_id[source].length is not None:
            return self.items(name, xcom_prefix(source, RETURN_VALUE), source, after)
        length = RESULT.field("Item", "mapped_length")
        return {
            name: {
                "Type": "Task",
                "Resource": integrations.GET_ITEM,
                "Arguments": {
                    "TableName": self._workflow.ledger_table,
                    "Key": integrations.item_key(xcom_sk(source, RETURN_VALUE)),
                    "ConsistentRead": True,
                    "ProjectionExpression": "mapped_length",
                },
                "Output": self._counted(source, when(exists(length), call("number", length.field("N")), _MISSING)),
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": after,
            }
        }

    def items(self, name: str, prefix: str, counted: str, after: str, *, pages: bool = True) -> States:
        """Count items by the beginning of their sort keys.

        :param name: of the first state
        :param counted: what :meth:`of` is asked for afterwards
        :param pages: they may be more than a query reads at once, 1 MB
        """
        more, further = state_name(f"{name}, more?"), state_name(f"{name}, further")
        query: State = {
            "TableName": self._workflow.ledger_table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {":pk": {"S": RUN.field("pk")}, ":prefix": {"S": prefix}},
            "Select": "COUNT",
            "ConsistentRead": True,
        }
        rest, last = self.of(_LAST), {_LAST: RESULT.field("LastEvaluatedKey")}
        task: State = {"Type": "Task", "Resource": integrations.QUERY, "Retry": integrations.DYNAMODB_RETRY}
        if not pages:
            output = self._counted(counted, _COUNTED)
            return {name: {**task, "Arguments": query, "Output": output, "Next": after}}
        return {
            name: {
                **task,
                "Arguments": query,
                "Output": self._counted(counted, _COUNTED, last),
                "Next": more,
            },
            more: {
                "Type": "Choice",
                "Choices": [{"Condition": exists(rest), "Next": further}],
                "Default": after,
            },
            further: {
                **task,
                "Arguments": {**query, "ExclusiveStartKey": rest},
                "Output": self._counted(counted, self.of(counted) + _COUNTED, last),
                "Next": more,
            },
        }

    def _counted(self, counted: str, number: Node, more: Mapping[str, Node] | None = None) -> Node:
        # The first count finds none before it.
        counts = call("lookup", INPUT, _COUNTS)
        # A key that is there no more must not stay from the page before.
        value, key = Variable("value"), Variable("key")
        kept = call("sift", counts, Lambda((value, key), key.differs(_LAST)))
        return self.counted(merged(kept, {counted: number, **(more or {})}))

    @staticmethod
    def counted(counts: Value) -> Node:
        """The Output that has these counts, an object, and no others."""
        return merged(INPUT, {_COUNTS: counts})

    def _size(self, length: Length) -> Node:
        if length.kind == "number":
            return lifted(length.number)
        if length.kind == "xcom":
            return self.of(length.task_id)
        parts = list(map(self._size, length.parts))
        # Sum, min and max are named as JSONata's functions.
        return product(*parts) if length.kind == "product" else call(length.kind, parts)
