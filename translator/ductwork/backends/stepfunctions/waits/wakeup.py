"""Telling an item of the ledger of an end, and waking by its task token whoever waits for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Node, Value, merged
from ductwork.backends.stepfunctions.asl.scope import INPUT
from ductwork.backends.stepfunctions.asl.states import States
from ductwork.contracts.names import state_name


@dataclass(frozen=True)
class Waking:
    """Three states: an update of the item, a look whether somebody is to be woken, and the waking.

    :param names: of the states, and of the one that ends a branch after them; the third is for ``claim``
    :param update: the Arguments of the update
    :param noted: ``(name, value)``: what the update's result adds to the state data
    :param awaited: condition: somebody waits for what has come to be
    :param token: the token
    :param answer: what the token's owner is sent
    :param claim: the Arguments of an update that succeeds for one of several that would wake the same; where it does
        not, or where who is woken waits no longer, the first update is sent again: somebody else may wait
    """

    names: tuple[str, str, str, str, str]
    update: Mapping[str, Value]
    noted: tuple[str, Node]
    awaited: Node
    token: Node
    answer: Value = "{}"
    claim: Mapping[str, Value] | None = None

    def states(self, going_on: Value, after: str | None) -> tuple[str, States]:
        """The first state's name and the states that tell and wake.

        :param going_on: the last Output
        :param after: the state that follows, None at the end of a branch
        """
        tell, ask, call, wake, told = (state_name(name) for name in self.names)
        # Neither a Choice nor a catcher can end a branch.
        then = after or told
        name, noted = self.noted
        here = INPUT
        gone, then_gone = (here, tell) if self.claim else (going_on, then)
        states: States = {
            tell: {
                "Type": "Task",
                "Resource": integrations.UPDATE_ITEM,
                "Arguments": dict(self.update),
                "Output": merged(INPUT, {name: noted}),
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": ask,
            },
            ask: {
                "Type": "Choice",
                "Choices": [
                    {
                        "Condition": self.awaited,
                        "Output": here,
                        "Next": call if self.claim else wake,
                    }
                ],
                "Default": then,
                "Output": going_on,
            },
        }
        if self.claim:
            states[call] = {
                "Type": "Task",
                "Resource": integrations.UPDATE_ITEM,
                "Arguments": dict(self.claim),
                "Output": here,
                "Retry": integrations.CONDITIONAL_RETRY,
                "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": here, "Next": tell}],
                "Next": wake,
            }
        states[wake] = {
            "Type": "Task",
            "Resource": integrations.SEND_TASK_SUCCESS,
            "Arguments": {"TaskToken": self.token, "Output": self.answer},
            "Output": going_on,
            "Retry": integrations.TOKEN_RETRY,
            "Catch": [{"ErrorEquals": integrations.TOKEN_GONE, "Output": gone, "Next": then_gone}],
            "Next": then,
        }
        return tell, states if after else states | {then: {"Type": "Succeed"}}
