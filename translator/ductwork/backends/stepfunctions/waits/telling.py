"""What a task does that tells joins (:mod:`.join`) of its end.

``Tell X: t``    task t has ended, and how
``X ready? t``   is the join decided, and somebody waiting?
``Wake X: t``    sends the one who waits the outcomes

Several joins that are told alike share these states: the run comes back to ``Tell`` until all have been told.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations, state_data
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Conditional,
    Lambda,
    Node,
    Value,
    Variable,
    array,
    call,
    exists,
    lifted,
    merged,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.waits.join import EXPANDED, JoinStates
from ductwork.backends.stepfunctions.waits.join import shared as of_join
from ductwork.contracts.names import state_name

# No task has these ids: blanks are not allowed in one. What is sent to the one who waits, where a join is decided that
# somebody waits for; and how many joins have been told.
_NEWS, _COUNT = "the join", "joins told"
# The join's item as it is by now.
_ITEM = Variable("item")
# The member of ``$run`` that holds what is the same of all reports.
_TELLING = "telling"


def shared(table: str) -> dict[str, Node]:
    """The members of ``$run`` that joins need, on both sides."""
    return {**of_join(table), _TELLING: lifted(_update(table, ["told :me", "#outcome :me"]))}


def alike(joins: Iterable[JoinStates], task_id: str) -> list[tuple[JoinStates, ...]]:
    """The joins that a task tells, those together that it tells in the same way."""
    found: dict[Hashable, list[JoinStates]] = {}
    for join in joins:
        found.setdefault(join.shape(task_id), []).append(join)
    return [tuple(group) for group in found.values()]


def rounds(condition: str) -> int:
    """How often a run comes by a Choice: once for each join where it is one of these.

    :param condition: of its last rule, as it is printed
    """
    again = re.search(rf"`{_COUNT}` != (\d+)", condition)
    return int(again[1]) if again else 1


@dataclass(frozen=True)
class Telling:
    """The states of one task and joins that are alike.

    :param joins: at least one
    """

    task_id: str
    joins: tuple[JoinStates, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        """The tasks whose marks are passed on."""
        return self.joins[0].marks

    def tell(self, table: str, kept: state_data.Kept, after: str | None) -> tuple[str, States]:
        """The states after the task, whose outcome is in the state data.

        :param kept: what the states from ``after`` on read
        """
        join, several = self.joins[0], len(self.joins) > 1
        label = join.key + f" and {len(self.joins) - 1} more" * several
        names = ("Tell {}: {}", "{} ready? {}", "Wake {}: {}", "{} told: {}")
        tell, ask, wake, told = (state_name(name.format(label, self.task_id)) for name in names)
        # Neither a Choice nor a catcher can end a branch.
        then, going_on, news = after or told, kept.output({}, exactly=True), INPUT.field(_NEWS)
        sent = {"token": _ITEM.field("token", "S"), "ends": text_of(join.outcomes(_ITEM))}
        is_ready, now = join.ready(_ITEM), Bind(_ITEM, RESULT.field("Attributes"))
        woken: State = {"Output": going_on, "Next": then}
        send = {"Condition": exists(news), "Next": wake}
        to_send = Conditional(is_ready, lifted(sent), None)
        if several:
            noted: Node = Block((now, merged(INPUT, {_NEWS: to_send, _COUNT: _told(1)})))
            # The next look is for what is left to tell.
            left = call("sift", INPUT, Lambda((Variable("value"), Variable("name")), Variable("name").differs(_NEWS)))
            woken = {"Output": left, "Next": ask}
            again = {"Condition": INPUT.field(_COUNT).differs(len(self.joins)), "Next": tell}
            choices = [{**rule, "Output": INPUT} for rule in (send, again)]
            look: State = {"Choices": choices, "Default": then, "Output": going_on}
        else:
            noted = kept.with_optional({_NEWS: to_send}, now, exactly=True)
            look = {"Choices": [send], "Default": then}
        states: States = {
            tell: {
                "Type": "Task",
                "Resource": integrations.UPDATE_ITEM,
                "Arguments": self._report(table),
                "Output": noted,
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": ask,
            },
            ask: {"Type": "Choice", **look},
            wake: {
                "Type": "Task",
                "Resource": integrations.SEND_TASK_SUCCESS,
                "Arguments": {"TaskToken": news.field("token"), "Output": news.field("ends")},
                "Output": woken["Output"],
                "Retry": integrations.TOKEN_RETRY,
                "Catch": [{"ErrorEquals": integrations.TOKEN_GONE, **woken}],
                "Next": woken["Next"],
            },
        }
        return tell, states if after else states | {told: {"Type": "Succeed"}}

    def _report(self, table: str) -> Value:
        join, task_id = self.joins[0], self.task_id
        keys = [each.key for each in self.joins]
        key = lifted(keys).at(_told(0)) if len(keys) > 1 else None
        mine = INPUT.field(task_id)
        values: State = {":me": {"SS": [task_id]}, ":expires": {"N": RUN.field("expires")}}
        own: State = {"Key": join.item_key(key), "ExpressionAttributeValues": values}
        if task_id not in join.mapped and not join.marks:
            return merged(RUN.field(_TELLING), {**own, "ExpressionAttributeNames": {"#outcome": mine}})
        names: dict[str, Value] = {"#outcome": mine}
        adds = ["told :me", "#outcome :me"]
        if task_id in join.mapped:
            # An attribute that nobody reads stands for each end that no instance came to.
            holds = {end: lifted(end).is_in(array(mine)) for end in join.ends}
            if task_id in join.sources:
                holds[EXPANDED] = call("type", mine).equals("array")
            names = {f"#{end}": when(held, end, f"not_{end}") for end, held in holds.items()}
            adds = ["told :me", *(f"#{end} :me" for end in join.ends)]
        if join.marks:
            marks = array(*(task for task in join.marks if task != task_id))
            chosen = marks.where(call("lookup", INPUT, ITEM).equals("skipped"))
            values[":marked"] = {"SS": call("append", [task_id], chosen)}
            adds.append("marked :marked")
        return {**_update(table, adds), **own, "ExpressionAttributeNames": names}


def _told(more: int) -> Node:
    """How many joins have been told, and ``more``; before the first the state data do not say it."""
    return call("sum", [call("lookup", INPUT, _COUNT), more])


def _update(table: str, adds: Iterable[str]) -> State:
    return {
        "TableName": table,
        "UpdateExpression": f"ADD {', '.join(adds)} SET expires_at = :expires",
        "ReturnValues": "ALL_NEW",
    }
