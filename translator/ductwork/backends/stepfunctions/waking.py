"""Telling an item of the ledger of an end, and waking by its task token whoever waits for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]


@dataclass(frozen=True)
class Waking:
    """Three states: an update of the item, a look whether somebody is to be woken, and the waking.

    :param names: of the three, and of the state that ends a branch after them
    :param update: the Arguments of the update
    :param noted: ``(name, expression)``: what the update's result adds to the state data
    :param awaited: condition: somebody waits for what has come to be
    :param token: expression of the token
    :param answer: what the token's owner is sent
    """

    names: tuple[str, str, str, str]
    update: Mapping[str, Any]
    noted: tuple[str, str]
    awaited: str
    token: str
    answer: str = "{}"

    def states(self, going_on: Any, after: str | None, *, until_awake: bool = False) -> tuple[str, dict[str, State]]:
        """
        :param going_on: the last Output
        :param after: the state that follows, None at the end of a branch
        :param until_awake: where the token's owner waits no longer, begin again with the next in the item's queue
        """
        tell, ask, wake, told = (shorten(name, STATE_NAME_LIMIT) for name in self.names)
        # Neither a Choice nor a catcher can end a branch.
        then = after or told
        name, noted = self.noted
        gone = ("{% $states.input %}", tell) if until_awake else (going_on, then)
        states: dict[str, State] = {
            tell: {
                "Type": "Task",
                "Resource": integrations.UPDATE_ITEM,
                "Arguments": dict(self.update),
                "Output": jsonata.expression(f"$merge([$states.input, {{{jsonata.text(name)}: {noted}}}])"),
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": ask,
            },
            ask: {
                "Type": "Choice",
                "Choices": [{"Condition": jsonata.expression(self.awaited), "Next": wake}],
                "Default": then,
                "Output": going_on,
            },
            wake: {
                "Type": "Task",
                "Resource": integrations.SEND_TASK_SUCCESS,
                "Arguments": {"TaskToken": jsonata.expression(self.token), "Output": self.answer},
                "Output": going_on,
                "Retry": integrations.TOKEN_RETRY,
                "Catch": [{"ErrorEquals": integrations.TOKEN_GONE, "Output": gone[0], "Next": gone[1]}],
                "Next": then,
            },
        }
        return tell, states if after else states | {then: {"Type": "Succeed"}}
