"""Counting the instances of a mapped task, or of a mapped task group, from what the ledger holds."""

from __future__ import annotations

from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.ir import Workflow
from ductwork.ledger_schema import xcom_prefix, xcom_sk
from ductwork.lengths import Length
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

# No task has this id: blanks are not allowed in one.
_COUNTS = "the counts"
_MISSING = -1
_AGGREGATES = {"sum": "$sum", "min": "$min", "max": "$max"}


class Counting:
    """
    :param label: names the states
    """

    def __init__(self, workflow: Workflow, label: str, length: Length) -> None:
        self._workflow, self._label, self._length = workflow, label, length
        self._sources = tuple(dict.fromkeys(length.sources()))

    @property
    def size(self) -> str:
        """Expression, after :meth:`states`: how many instances there are."""
        return self._size(self._length)

    @property
    def missing(self) -> str:
        """Condition: something that is to be counted is not there. Empty where that cannot be."""
        return " or ".join(f"{self.of(source)} = {_MISSING}" for source in self._sources)

    def first(self, after: str) -> str:
        """The name of the first state, ``after`` if there is nothing to count."""
        return self._name(self._sources[0]) if self._sources else after

    def states(self, after: str) -> dict[str, State]:
        """The states that count, whose last leads to ``after``; counts are kept in the state data."""
        found: dict[str, State] = {}
        follows = [*map(self._name, self._sources[1:]), after]
        for source, then in zip(self._sources, follows, strict=bool(self._sources)):
            found |= self._of_source(source, then)
        return found

    def of(self, counted: str) -> str:
        """Expression: a count."""
        return f"$states.input.{jsonata.name(_COUNTS)}.{jsonata.name(counted)}"

    def _name(self, source: str) -> str:
        return shorten(f"Count {self._label}: {source}", STATE_NAME_LIMIT)

    def _of_source(self, source: str, after: str) -> dict[str, State]:
        name = self._name(source)
        if self._workflow.by_id[source].is_mapped:
            return self.items(name, xcom_prefix(source, "return_value"), source, after)
        length = "$states.result.Item.mapped_length"
        return {
            name: {
                "Type": "Task",
                "Resource": integrations.GET_ITEM,
                "Arguments": {
                    "TableName": self._workflow.ledger_table,
                    "Key": integrations.item_key(xcom_sk(source, "return_value")),
                    "ConsistentRead": True,
                    "ProjectionExpression": "mapped_length",
                },
                "Output": self._counted(source, f"$exists({length}) ? $number({length}.N) : {_MISSING}"),
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": after,
            }
        }

    def items(self, name: str, prefix: str, counted: str, after: str, *, pages: bool = True) -> dict[str, State]:
        """Count items by the beginning of their sort keys.

        :param name: of the first state
        :param counted: what :meth:`of` is asked for afterwards
        :param pages: they may be more than a query reads at once, 1 MB
        """
        more, further = shorten(f"{name}, more?", STATE_NAME_LIMIT), shorten(f"{name}, further", STATE_NAME_LIMIT)
        query: State = {
            "TableName": self._workflow.ledger_table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {":pk": {"S": jsonata.expression("$run.pk")}, ":prefix": {"S": prefix}},
            "Select": "COUNT",
            "ConsistentRead": True,
        }
        rest = f"$states.input.{jsonata.name(_COUNTS)}.last"
        last = ", 'last': $states.result.LastEvaluatedKey"
        task: State = {"Type": "Task", "Resource": integrations.QUERY, "Retry": integrations.DYNAMODB_RETRY}
        if not pages:
            output = self._counted(counted, "$states.result.Count")
            return {name: {**task, "Arguments": query, "Output": output, "Next": after}}
        return {
            name: {
                **task,
                "Arguments": query,
                "Output": self._counted(counted, "$states.result.Count", last),
                "Next": more,
            },
            more: {
                "Type": "Choice",
                "Choices": [{"Condition": jsonata.expression(f"$exists({rest})"), "Next": further}],
                "Default": after,
            },
            further: {
                **task,
                "Arguments": {**query, "ExclusiveStartKey": jsonata.expression(rest)},
                "Output": self._counted(counted, f"{self.of(counted)} + $states.result.Count", last),
                "Next": more,
            },
        }

    def _counted(self, counted: str, number: str, more: str = "") -> str:
        # The first count finds none before it.
        counts = f"$lookup($states.input, {jsonata.text(_COUNTS)})"
        # A key that is there no more must not stay from the page before.
        kept = f"$sift({counts}, function($value, $key) {{ $key != 'last' }})"
        return self.counted(f"$merge([{kept}, {{{jsonata.text(counted)}: {number}{more}}}])")

    @staticmethod
    def counted(counts: str) -> str:
        """The Output that has these counts, an expression of an object, and no others."""
        return jsonata.expression(f"$merge([$states.input, {{{jsonata.text(_COUNTS)}: {counts}}}])")

    def _size(self, length: Length) -> str:
        if length.kind == "number":
            return str(length.number)
        if length.kind == "xcom":
            return self.of(length.task_id)
        parts = list(map(self._size, length.parts))
        if length.kind == "product":
            return " * ".join(parts) or "0"
        return f"{_AGGREGATES[length.kind]}([{', '.join(parts)}])"
