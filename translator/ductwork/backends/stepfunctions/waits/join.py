"""Joins: how a branch of a machine waits for tasks of other branches, by a task token in the ledger.

``Await X``   the consumer stores its token on the join's item, unless the join is decided already
``Read X``    where it was: the consumer reads from the item how the tasks ended

What the tasks do that tell a join of their ends is in :mod:`.telling`.

The item keeps sets of task ids, so a repeated report changes nothing: ``told`` (all that have reported), one set for
each outcome, and ``marked`` (tasks that a branch has skipped; it holds the reporting task too, for a set is never
empty). With the token it has ``awaited``, the number of tasks that are to report. DynamoDB serialises the updates of
one item. Either the consumer's token comes before the update that decides the join, and the producer of that update
finds it, or it comes after, and the consumer's condition fails. Nobody polls, no wake-up is lost, and a token that is
woken twice refuses the second time.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations, state_data
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Grouped,
    Literal,
    Name,
    Node,
    Object,
    Value,
    Variable,
    array,
    call,
    either,
    every,
    exists,
    joined,
    lifted,
    merged,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INDEX_TEXT, INPUT, ITEM, RESULT, RUN, TOKEN, members
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.contracts.names import state_name
from ductwork.planning import layout
from ductwork.semantics.trigger_rules import EARLY

_ENDS = ("success", "failed", "skipped", "upstream_failed")  # and what of NEVER is possible
# Stands among the ends of a task that has been expanded, so that they are an array though its instances ended alike.
EXPANDED = "expanded"


@dataclass(frozen=True)
class JoinStates:
    """The states of one join, on both sides: of the task that waits and of those that report.

    :param key: its name within the machine
    :param tells: the tasks that report to it
    :param rule: a rule that may decide it before all have reported
    :param marks: tasks whose skipping it passes on
    :param mapped: those of ``tells`` whose instances may end differently
    :param sources: those of ``mapped`` of which it is asked whether they have been expanded
    :param indexed: every instance of a mapped task group has its own
    :param early_mark: the task that waits is itself one of ``marks``, so that its skipping decides the join
    :param ends: what tasks that report may end in
    """

    key: str
    tells: tuple[str, ...]
    rule: str | None = None
    marks: tuple[str, ...] = ()
    early_mark: str | None = None
    mapped: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    indexed: bool = False
    ends: tuple[str, ...] = _ENDS

    @classmethod
    def of(
        cls,
        join: layout.Join,
        marks: Sequence[str],
        consumer: str,
        mapped: frozenset[str],
        sources: frozenset[str],
        indexed: bool,
        never: tuple[str, ...] = (),
    ) -> JoinStates:
        """The states of a join of the layout.

        :param sources: tasks that something is expanded over
        :param never: what of :data:`ductwork.semantics.trigger_rules.NEVER` the tasks that report may end in
        """
        early = consumer if join.rule and consumer in marks else None
        mapped &= frozenset(join.tells)
        sources &= mapped
        ends = (*_ENDS, *never, *([EXPANDED] if sources else []))
        return cls(join.key, join.tells, join.rule, tuple(marks), early, mapped, sources, indexed, ends)

    def item_key(self, key: Value | None = None) -> State:
        """Of the execution's own item, as ``run_states`` begins the key (``$run.joins``).

        :param key: of a join that is like this one, None: this one's
        """
        index = ["#", INDEX_TEXT] if self.indexed else []
        return integrations.item_key(joined(RUN.field("joins"), self.key if key is None else key, *index))

    def shape(self, task_id: str) -> Hashable:
        """Is the same for joins that a task tells in the same way, each under its own key."""
        of_task = task_id in self.mapped, task_id in self.sources
        return self.rule, self.marks, self.early_mark, bool(self.mapped), of_task, self.indexed, self.ends

    def wait(self, table: str, kept: state_data.Kept, after: str) -> tuple[str, States]:
        """The states before a part that waits. Afterwards the state data has the outcomes of ``tells`` (empty text:
        has not ended, which only an early rule lets happen) and, optionally, of ``marks``.
        """
        await_name = state_name(f"Await {self.key}")
        read_name = state_name(f"Read {self.key}")
        await_state: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM_AND_WAIT,
            "Arguments": self._register(table),
            "Output": self._received(kept, RESULT),
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": INPUT, "Next": read_name}],
            "Next": after,
        }
        ended = Variable("ended")
        read_state: State = {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {"TableName": table, "Key": self.item_key(), "ConsistentRead": True},
            "Output": self._received(kept, ended, Bind(ended, self.outcomes(RESULT.field("Item")))),
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        }
        return await_name, {await_name: await_state, read_name: read_state}

    def _register(self, table: str) -> Value:
        values: State = {
            ":token": {"S": TOKEN},
            ":all": {"N": str(len(self.tells))},
            ":expires": {"N": RUN.field("expires")},
        }
        own: State = {"Key": self.item_key(), "ExpressionAttributeValues": values}
        if not self.rule:
            return merged(RUN.field(_AWAITING), own)
        names, conditions = dict(_NAMES), [_NOT_ALL]
        for end in sorted(EARLY[self.rule]):
            names[f"#{end}"] = end
            conditions.append(f"attribute_not_exists(#{end})")
        if self.early_mark:
            values[":me"] = {"S": self.early_mark}
            conditions.append("NOT contains(marked, :me)")
        return {**_registering(table, names, conditions), **own}

    def _received(self, kept: state_data.Kept, source: Node, *bindings: Bind) -> Node:
        """State data made of what was there and the outcomes in ``source``, an object of task id -> outcome."""
        told = {task: source.field(task) for task in self.tells}
        if self.rule:
            told = {task: when(exists(value), value, "") for task, value in told.items()}
        marks = {task: source.field(task) for task in self.marks if task not in told}
        return kept.without(told).with_optional(told | marks, *bindings)

    # ---- what both sides read of the item ----

    def ready(self, item: Node) -> Node:
        """Condition: somebody waits, and the join is decided."""
        decided = [call("count", members(item.field("told"))).equals(call("number", item.field("awaited", "N")))]
        decided += [exists(item.field(end)) for end in sorted(EARLY[self.rule])] if self.rule else []
        if self.early_mark:
            decided.append(lifted(self.early_mark).is_in(members(item.field("marked"))))
        return every(exists(item.field("token")), either(*decided))

    def outcomes(self, item: Node) -> Node:
        """The item's sets as an object of task id -> outcome."""
        end = Variable("end")
        tasks = members(call("lookup", item, end))
        pair = lifted({"t": ITEM, "e": end}) if self.mapped else Object(((ITEM, end),))
        told: Node = lifted(self.ends).each(Block((Bind(end, ITEM), tasks.each(pair))))
        if self.mapped:
            told = Grouped(array(told), Name("t"), Name("e"))
        if not self.marks:
            return call("merge", told)
        marks = members(item.field("marked")).where(ITEM.is_in(self.marks)).each(Object(((ITEM, Literal("skipped")),)))
        return call("merge", call("append", told, marks))


# The member of ``$run`` that holds what is the same of all that wait until everybody has told.
_AWAITING = "awaiting"
_NAMES = {"#token": "token"}
_NOT_ALL = "(attribute_not_exists(told) OR size(told) < :all)"


def _registering(table: str, names: Mapping[str, str], conditions: Sequence[str]) -> State:
    return {
        "TableName": table,
        "UpdateExpression": "SET #token = :token, awaited = :all, expires_at = :expires",
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": dict(names),
    }


def shared(table: str) -> dict[str, Node]:
    """The member of ``$run`` that joins need."""
    return {_AWAITING: lifted(_registering(table, _NAMES, [_NOT_ALL]))}
