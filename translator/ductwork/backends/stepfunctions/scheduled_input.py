"""The input of an execution that a schedule starts, filled in: dates, interval and run id from the scheduled moment.

EventBridge Scheduler says when it fires and computes nothing. Where a run's data interval is more than that moment, its
input has ``scheduled_time`` alone, and this makes the rest of it; what else the input has counts more.
"""

from __future__ import annotations

from ductwork.backends.stepfunctions import inputs
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Literal,
    Node,
    Operation,
    Range,
    Regex,
    Value,
    Variable,
    call,
    either,
    every,
    exists,
    joined,
    lifted,
    merged,
    negated,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM
from ductwork.contracts.aws_schedules import SCHEDULED_TIME_MEMBER
from ductwork.schedules.intervals import Before, LastFiring, Rule

_GIVEN = INPUT.field(SCHEDULED_TIME_MEMBER)
# As EventBridge Scheduler writes it.
_FORM = Regex(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
_A_DAY, _A_MINUTE = 1440, 60_000
# Minutes since 1970: when the run is due, the same on the zone's wall, and its day.
_DUE, _WALL, _DAY = Variable("due"), Variable("wall"), Variable("day")
_TIMES, _OFFSETS, _AT, _ON_WALL = Variable("times"), Variable("offsets"), Variable("at"), Variable("shown")
_START, _HOUR, _LAST, _EARLIER = map(Variable, ("start", "hour", "last", "earlier"))


def _readable(given: Node) -> Node:
    return every(call("type", given).equals("string"), call("contains", given, _FORM))


REFUSED: inputs.Refusal = (
    every(inputs.given(SCHEDULED_TIME_MEMBER), negated(_readable(inputs.member(SCHEDULED_TIME_MEMBER)))),
    f"{SCHEDULED_TIME_MEMBER} must be a time in UTC, like 2026-01-02T03:04:05Z",
)
"""What is refused of an input besides: :func:`inputs.run_values`."""


def filled(rule: Rule) -> Node:
    """The input with all that follows from its ``scheduled_time``, if it has one that can be read."""
    due = call("floor", call("toMillis", _GIVEN) / _A_MINUTE)
    start = call("substring", call("fromMillis", _START * _A_MINUTE), 0, 19) & "Z"
    computed: dict[str, Value] = {
        "logical_date": start,
        "data_interval_start": start,
        "data_interval_end": _GIVEN,
        "run_type": "scheduled",
        "run_id": joined("scheduled__", call("replace", _GIVEN, "Z", "+00:00")),
    }
    made = Block((Bind(_DUE, due), Bind(_START, _start(rule)), merged(computed, INPUT)))
    return when(_readable(_GIVEN), made, INPUT)


def _start(rule: Rule) -> Node:
    if isinstance(rule, Before):
        return _DUE - rule.seconds / 60
    usual = _usual(rule)
    if not rule.exceptions:
        return usual
    listed = {str(end): begin for end, begin in rule.exceptions}
    found = Variable("exception")
    return Block(
        (
            Bind(found, call("lookup", listed, text_of(_DUE))),
            when(exists(found), found, usual),
        )
    )


def _usual(rule: LastFiring) -> Node:
    """The last time on the wall that the cron names, as minutes in UTC."""
    before: list[Node] = [Bind(_TIMES, _times(rule))]
    if rule.changes:
        before += [
            Bind(_AT, lifted([at for at, _ in rule.changes])),
            Bind(_ON_WALL, lifted([at + offset for at, offset in rule.changes])),
            Bind(_OFFSETS, lifted([rule.offset, *(offset for _, offset in rule.changes)])),
        ]
    tod = _WALL - _DAY * _A_DAY
    found = when(
        every(exists(_EARLIER), _matches(rule, _DAY)),
        _DAY * _A_DAY + call("max", _EARLIER),
        _day_before(rule) * _A_DAY + call("max", _TIMES),
    )
    return Block(
        (
            *before,
            Bind(_WALL, _DUE + _offset(rule, _AT, _DUE)),
            Bind(_DAY, call("floor", _WALL / _A_DAY)),
            Bind(_EARLIER, _TIMES.where(tod > ITEM)),
            Bind(_LAST, found),
            _LAST - _offset(rule, _ON_WALL, _LAST),
        )
    )


def _times(rule: LastFiring) -> Node:
    body = Block((Bind(_HOUR, ITEM), lifted(rule.minutes).each(_HOUR * 60 + ITEM)))
    return lifted(rule.hours).each(body)


def _offset(rule: LastFiring, moments: Variable, at: Node) -> Node:
    """The offset that counts at a moment, of a list of when each begins to."""
    if not rule.changes:
        return Literal(rule.offset)
    return _OFFSETS.at(call("count", moments.where(Operation("<=", (ITEM, at)))))


def _day_before(rule: LastFiring) -> Node:
    if not rule.days_back:
        return call("max", lifted(rule.listed).where(ITEM < _DAY))
    back = Range(Literal(1), Literal(rule.days_back)).each(_DAY - ITEM)
    if rule.days_back == 1:
        return _DAY - 1
    return call("max", back.where(_matches(rule, ITEM)))


def _matches(rule: LastFiring, day: Node) -> Node:
    if not rule.days_back:
        return day.is_in(lifted(rule.listed))
    chosen = []
    # The first day of 1970 was a Thursday.
    weekday = day + 4 - call("floor", (day + 4) / 7) * 7
    if rule.weekdays:
        chosen.append(weekday.is_in(lifted(rule.weekdays)))
    if rule.days:
        chosen.append(_part(day, "[D]").is_in(lifted(rule.days)))
    conditions = [either(*chosen)] if chosen else []
    if rule.months:
        conditions.append(_part(day, "[M]").is_in(lifted(rule.months)))
    return every(*conditions)


def _part(day: Node, picture: str) -> Node:
    """The number of a day's month, or of the day in it."""
    return call("number", call("fromMillis", day * (_A_DAY * _A_MINUTE), picture))
