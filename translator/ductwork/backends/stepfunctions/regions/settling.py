"""What settles a region in which not all tasks have succeeded.

``Settle X``    ends in the ledger what has not succeeded, and what follows from that; a round for each
``Settled X?``  goes on once nothing more follows
``Look for X``  finds out which other tasks have ended, where the region may have been left although some of them could
                run: a restart keeps what others have made, or a worker died between its two reports
``Lost X``      the same in a machine without restarts, which cannot pass over what has ended
``Ended X``     at the end of a branch
"""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Lambda,
    Node,
    Object,
    Value,
    Variable,
    Wildcard,
    array,
    call,
    every,
    exists,
    joined,
    lifted,
    merged,
    negated,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.ledger_writes import values_of_end
from ductwork.backends.stepfunctions.regions.replay import Replay
from ductwork.contracts import error_names
from ductwork.contracts.ledger import task_sk
from ductwork.contracts.names import state_name

# The tasks that run, or have run and succeeded; those that end without. Whether it is to be found out which have run,
# or has been: no task has such an id.
_WAITING, _FOLLOWS, LOOK = "waiting", "follows", "look again"
_KEY, _VALUE = Variable("k"), Variable("v")
_TASK, _AS = INPUT.field("task"), INPUT.field("as")
_OUTCOME = ("Attributes", "outcome", "S")
_LOST = joined(
    "a task of run ", RUN.field("id"), " succeeded, but its worker died before it could say so: start the run anew"
)


@dataclass(frozen=True)
class Settling:
    """The states that settle one region.

    :param label: names them
    :param ended: the variable that has the ends that are known, by task id
    :param replay: works out what follows from them
    :param output: the Output of what is settled
    :param after: the state that follows, None at the end of a branch
    :param again: the region's first state, which passes over what has ended; None: it has no such states
    """

    table: str
    label: str
    ended: Variable
    replay: Replay
    output: Value
    after: str | None
    again: str | None

    @property
    def first(self) -> str:
        """The state that takes, for each task that has not succeeded, how many tries it has had, or its end."""
        return self._called("Settle {}")

    def _called(self, name: str) -> str:
        return state_name(name.replace("{}", self.label))

    def states(self) -> States:
        """All states, in reading order."""
        asks, looks, lost = self._called("Settled {}?"), self._called("Look for {}"), self._called("Lost {}")
        flag, waiting, follows = self.ended.field(LOOK), INPUT.field(_WAITING), INPUT.field(_FOLLOWS)
        rules: list[State] = [
            {"Condition": exists(follows.each(Wildcard())), "Output": follows, "Next": self.first},
            {"Condition": flag.equals(True), "Output": INPUT, "Next": looks if self.again else lost},
        ]
        if self.again:
            look_again = merged(self.ended, {LOOK: True})
            some_wait = every(flag.equals(False), call("count", waiting) > 0)
            rules.append(
                {"Condition": some_wait, "Assign": {self.ended.name: look_again}, "Output": {}, "Next": self.again}
            )
        ending = self._called("Ended {}")
        states: States = {
            self.first: self._settle(asks),
            asks: {"Type": "Choice", "Choices": rules, "Default": self.after or ending, "Output": self.output},
        }
        if self.again:
            states[looks] = self._look(asks)
        else:
            states[lost] = {"Type": "Fail", "Error": error_names.RUN_NOT_SETTLED, "Cause": _LOST}
        return states if self.after else {**states, ending: {"Type": "Succeed"}}

    def _settle(self, after: str) -> State:
        record, as_number = self._called("End for {}"), call("type", _AS).equals("number")
        values = values_of_end(when(as_number, "failed", _AS), when(as_number, text_of(_AS), "0"))
        own = {"Key": integrations.item_key(_key(_TASK)), "ExpressionAttributeValues": values}
        update: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": merged(RUN.field("ending"), own),
            # What its worker has recorded stands.
            "Output": Object(((_TASK, RESULT.field(*_OUTCOME)),)),
            "Retry": integrations.DYNAMODB_RETRY,
            "End": True,
        }
        found = merged_with(self.ended, RESULT)
        lost = when(lifted("success").is_in(RESULT.each(Wildcard())), {LOOK: True}, {})
        known, entry = Variable("known"), Lambda((_VALUE, _KEY), lifted({"task": _KEY, "as": _VALUE}))
        return {
            "Type": "Map",
            "Items": array(call("each", INPUT, entry)),
            "ItemProcessor": _inline(record, update),
            "Assign": {self.ended.name: call("merge", call("append", array(self.ended, lost), RESULT))},
            "Output": Block(
                (
                    Bind(known, found),
                    *self.replay.bindings(known),
                    lifted({_WAITING: array(self.replay.waiting), _FOLLOWS: merged_with({}, self.replay.follows)}),
                )
            ),
            "Next": after,
        }

    def _look(self, after: str) -> State:
        look, item = self._called("End of {}?"), RESULT.field("Item", "outcome")
        get: State = {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {
                "TableName": self.table,
                "Key": integrations.item_key(_key(INPUT)),
                "ConsistentRead": True,
            },
            "Output": when(exists(item), Object(((INPUT, item.field("S")),)), {}),
            "Retry": integrations.DYNAMODB_RETRY,
            "End": True,
        }
        found, waiting = Variable("found"), INPUT.field(_WAITING)
        return {
            "Type": "Map",
            "Items": waiting,
            "ItemProcessor": _inline(look, get),
            "Assign": {self.ended.name: call("merge", call("append", array(self.ended, {LOOK: False}), RESULT))},
            "Output": {
                _FOLLOWS: {},
                _WAITING: Block(
                    (
                        Bind(found, merged_with({}, RESULT)),
                        array(waiting.where(negated(exists(call("lookup", found, ITEM))))),
                    )
                ),
            },
            "Next": after,
        }


def merged_with(known: Value, results: Node) -> Node:
    """One object of an object and the members of an array of such."""
    return call("merge", call("append", array(known), results))


def _inline(name: str, state: State) -> State:
    return {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": name, "States": {name: state}}


def _key(task: Node) -> Node:
    """The sort key of a task's item."""
    before, after = task_sk("\n").split("\n")
    return joined(before, task, after)
