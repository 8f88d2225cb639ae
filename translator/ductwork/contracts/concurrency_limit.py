"""A limit on how many go on at a time, as an item of the ledger: who holds its slots, and who is woken next.

==============  ====================================================================================================
attribute       a set of texts
==============  ====================================================================================================
``holders``     who goes on, one member for each slot taken: the ARN of the execution; for a task's slot followed by
                ``#<task_id>``, its map index where it has one, and the number of the slot where it takes several
``waiting``     who waits: the moment since when, in ISO 8601, ``#``, and the task token that wakes it
==============  ====================================================================================================

Taking a slot: :func:`take`; where there is no room, :func:`wait`. Handing it on: :func:`leave`; if somebody waits,
:func:`call` the :func:`first` of them, and wake it. Where somebody else has called it, or its token is no longer waited
for, leave and look again: somebody else may wait.

State machines send these updates, with expressions for the texts, and the mirror does for an execution that broke.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

HOLDERS, WAITING = "holders", "waiting"
# Of a holder, what comes before it is the execution; of a place in the queue, what comes after it is the token.
SEPARATOR = "#"

Update = dict[str, object]
"""Parameters of UpdateItem beside the table's name and the key."""

_NAMES = {"#holders": HOLDERS}


def take(slots: Sequence[object], size: int) -> Update:
    """Join the holders, if there is room, or if this is a retry of an update that has worked.

    :param slots: a member of the holders for each slot taken
    :param size: how many slots the limit has
    """
    return {
        "UpdateExpression": "ADD #holders :mine",
        "ConditionExpression": "attribute_not_exists(#holders) OR size(#holders) <= :most OR contains(#holders, :me)",
        "ExpressionAttributeNames": _NAMES,
        "ExpressionAttributeValues": _most(slots, size) | {":mine": _texts(slots), ":me": {"S": slots[0]}},
    }


def wait(place: object, slots: Sequence[object], size: int) -> Update:
    """Join the queue, unless there is room by now."""
    return {
        "UpdateExpression": f"ADD {WAITING} :me",
        "ConditionExpression": "attribute_exists(#holders) AND size(#holders) > :most",
        "ExpressionAttributeNames": _NAMES,
        "ExpressionAttributeValues": _most(slots, size) | {":me": _texts([place])},
    }


def leave(slots: Sequence[object]) -> Update:
    """Free slots; the answer says who waits."""
    return {
        "UpdateExpression": "DELETE #holders :mine",
        "ExpressionAttributeNames": _NAMES,
        "ExpressionAttributeValues": {":mine": _texts(slots)},
        "ReturnValues": "ALL_NEW",
    }


def expel(holder: object) -> Update:
    """Take a slot from an execution that no longer runs."""
    return {
        "UpdateExpression": "DELETE #holders :it",
        "ExpressionAttributeNames": _NAMES,
        "ExpressionAttributeValues": {":it": _texts([holder])},
    }


def call(place: object) -> Update:
    """Take somebody out of the queue, in which one of those who would succeeds."""
    return {
        "UpdateExpression": f"DELETE {WAITING} :places",
        "ConditionExpression": f"contains({WAITING}, :place)",
        "ExpressionAttributeValues": {":places": _texts([place]), ":place": {"S": place}},
    }


def first(waiting: Iterable[str]) -> str | None:
    """Who is woken next: first come, first served. None if nobody waits."""
    return min(waiting, default=None)


def execution_of(holder: str) -> str:
    return holder.partition(SEPARATOR)[0]


def token_of(place: str) -> str:
    return place.partition(SEPARATOR)[2]


def _most(slots: Sequence[object], size: int) -> dict[str, object]:
    """How many may hold slots before these join them."""
    return {":most": {"N": str(size - len(slots))}}


def _texts(members: Sequence[object]) -> dict[str, list[object]]:
    return {"SS": list(members)}
