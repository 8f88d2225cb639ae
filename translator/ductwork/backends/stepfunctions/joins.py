"""Joins: how a branch of a machine waits for tasks of other branches, by a task token in the ledger.

``Await X``   the consumer stores its token on the join's item, unless the join is decided already
``Read X``    where it was: the consumer reads from the item how the tasks ended
``Tell X: t`` the producer: task t has ended, and how
``X ready?``  is the join decided, and somebody waiting?
``Wake X``    the producer sends the consumer the outcomes

The item keeps sets of task ids, so a repeated report changes nothing: ``told`` (all that have reported), one set for
each outcome, and ``marked`` (tasks that a branch has skipped; it holds the reporting task too, for a set is never
empty). DynamoDB serialises the updates of one item. Either the consumer's token comes before the update that decides
the join, and the producer of that update finds it, or it comes after, and the consumer's condition fails. Nobody polls,
no wake-up is lost, and a token that is woken twice refuses the second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata, outcomes
from ductwork.backends.stepfunctions.waking import Waking
from ductwork.names import STATE_NAME_LIMIT, shorten
from ductwork.structure import Gate
from ductwork.trigger_rules import EARLY

State = dict[str, Any]

_ENDS = ("success", "failed", "skipped", "upstream_failed")
# No task has this id: blanks are not allowed in one.
_ITEM = "the join"


@dataclass(frozen=True)
class Join:
    """
    :param key: its name within the machine
    :param tells: the tasks that report to it
    :param rule: a rule that may decide it before all have reported
    :param marks: tasks whose skipping it passes on
    :param mapped: those of ``tells`` whose instances may end differently
    :param indexed: every instance of a mapped task group has its own
    :param early_mark: the task that waits is itself one of ``marks``, so that its skipping decides the join
    """

    key: str
    tells: tuple[str, ...]
    rule: str | None = None
    marks: tuple[str, ...] = ()
    early_mark: str | None = None
    mapped: frozenset[str] = frozenset()
    indexed: bool = False

    @classmethod
    def of(cls, gate: Gate, marks: Sequence[str], consumer: str, mapped: frozenset[str], indexed: bool) -> Join:
        early = consumer if gate.rule and consumer in marks else None
        return cls(gate.key, gate.tells, gate.rule, tuple(marks), early, mapped & set(gate.tells), indexed)

    def item_key(self) -> dict[str, Any]:
        index = " & '#' & $string($index)" if self.indexed else ""
        sk = jsonata.expression(f"$run.joins & {jsonata.text(self.key)}{index}")
        return {"pk": {"S": jsonata.expression("$run.pk")}, "sk": {"S": sk}}

    # ---- the consumer ----

    def wait(self, table: str, kept: outcomes.Kept, after: str) -> tuple[str, dict[str, State]]:
        """The states before a part that waits. Afterwards the state data has the outcomes of ``tells`` (empty text:
        has not ended, which only an early rule lets happen) and, optionally, of ``marks``.
        """
        await_name = shorten(f"Await {self.key}", STATE_NAME_LIMIT)
        read_name = shorten(f"Read {self.key}", STATE_NAME_LIMIT)
        await_state: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM_AND_WAIT,
            "Arguments": {"TableName": table, "Key": self.item_key(), **self._register()},
            "Output": self._received(kept, "$states.result"),
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [
                {"ErrorEquals": integrations.CONDITION_FAILED, "Output": "{% $states.input %}", "Next": read_name}
            ],
            "Next": after,
        }
        read_state: State = {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {"TableName": table, "Key": self.item_key(), "ConsistentRead": True},
            "Output": self._received(kept, "$ended", f"$ended := {self._outcomes('$states.result.Item')}; "),
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        }
        return await_name, {await_name: await_state, read_name: read_state}

    def _register(self) -> State:
        names = {"#token": "token", "#told": "told"}
        values: dict[str, Any] = {
            ":token": {"S": jsonata.expression("$states.context.Task.Token")},
            ":all": {"N": str(len(self.tells))},
            ":expires": {"N": jsonata.expression("$run.expires")},
        }
        conditions = ["(attribute_not_exists(#told) OR size(#told) < :all)"]
        for end in sorted(EARLY[self.rule]) if self.rule else ():
            names[f"#{end}"] = end
            conditions.append(f"attribute_not_exists(#{end})")
        if self.early_mark:
            names["#marked"] = "marked"
            values[":me"] = {"S": self.early_mark}
            conditions.append("NOT contains(#marked, :me)")
        return {
            "UpdateExpression": "SET #token = :token, expires_at = :expires",
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }

    def _received(self, kept: outcomes.Kept, source: str, before: str = "") -> Any:
        """State data made of what was there and the outcomes in ``source``, an object of task id -> outcome."""
        told = {task: f"{source}.{jsonata.name(task)}" for task in self.tells}
        if self.rule:
            told = {task: f"($exists({value}) ? {value} : '')" for task, value in told.items()}
        marks = {task: f"{source}.{jsonata.name(task)}" for task in self.marks if task not in told}
        return kept.without(told).expression(told | marks, before)

    # ---- a producer ----

    def tell(self, table: str, task_id: str, kept: outcomes.Kept, after: str | None) -> tuple[str, dict[str, State]]:
        """The states after ``task_id``, whose outcome is in the state data.

        :param kept: what the states from ``after`` on read
        """
        item = f"$states.input.{jsonata.name(_ITEM)}"
        waking = Waking(
            names=(
                f"Tell {self.key}: {task_id}",
                f"{self.key} ready? {task_id}",
                f"Wake {self.key}: {task_id}",
                f"{self.key} told: {task_id}",
            ),
            update={"TableName": table, "Key": self.item_key(), **self._report(task_id)},
            noted=(_ITEM, "$states.result.Attributes"),
            awaited=self._ready(item),
            token=f"{item}.token.S",
            answer=jsonata.expression(f"$string({self._outcomes(item)})"),
        )
        return waking.states(kept.output({}, exactly=True), after)

    def _report(self, task_id: str) -> State:
        me = {"SS": [task_id]}
        mine = jsonata.of_input(task_id)
        values: dict[str, Any] = {":me": me, ":expires": {"N": jsonata.expression("$run.expires")}}
        if task_id in self.mapped:
            # An attribute that nobody reads stands for each end that no instance came to.
            names = {f"#{end}": f"'{end}' in [{mine}] ? '{end}' : 'not_{end}'" for end in _ENDS}
            adds = ["#told :me", *(f"#{end} :me" for end in _ENDS)]
        else:
            names, adds = {"#outcome": mine}, ["#told :me", "#outcome :me"]
        names = {"#told": "told"} | {name: jsonata.expression(code) for name, code in names.items()}
        if self.marks:
            marks = jsonata.texts(task for task in self.marks if task != task_id)
            chosen = f"{marks}[$lookup($states.input, $) = 'skipped']"
            values[":marked"] = {"SS": jsonata.expression(f"$append([{jsonata.text(task_id)}], {chosen})")}
            names["#marked"] = "marked"
            adds.append("#marked :marked")
        return {
            "UpdateExpression": f"ADD {', '.join(adds)} SET expires_at = :expires",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }

    def _ready(self, item: str) -> str:
        decided = [f"$count({item}.told.SS) = {len(self.tells)}"]
        decided += [f"$exists({item}.{end})" for end in sorted(EARLY[self.rule])] if self.rule else []
        if self.early_mark:
            decided.append(f"{jsonata.text(self.early_mark)} in {item}.marked.SS")
        alternatives = " or ".join(decided)
        return f"$exists({item}.token) and ({alternatives})"

    def _outcomes(self, item: str) -> str:
        """Expression: the item's sets as an object of task id -> outcome."""
        ends = jsonata.texts(_ENDS)
        told = f"{ends}.($end := $; $lookup({item}, $end).SS.{{$: $end}})"
        if self.mapped:
            pairs = f"{ends}.($end := $; $lookup({item}, $end).SS.{{'t': $, 'e': $end}})"
            told = f"[{pairs}{{t: e}}]"
        if not self.marks:
            return f"$merge({told})"
        marks = f"{item}.marked.SS[$ in {jsonata.texts(self.marks)}].{{$: 'skipped'}}"
        return f"$merge($append({told}, {marks}))"
