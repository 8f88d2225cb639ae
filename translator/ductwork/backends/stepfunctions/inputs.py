"""What an execution's input may hold, and the run that the first state makes of it: the variable ``$run``.

An input of ours has all of it, the conf as JSON text: no expression may touch a user's value, for JSONata prints
numbers with 15 digits. One that a person or EventBridge Scheduler writes may leave out anything, say its dates in any
of the usual forms of ISO 8601, and give the conf as an object, if that loses nothing. What is wrong is in
``$run.refused``, and the second state ends the execution with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Descendants,
    Lambda,
    Node,
    Regex,
    Value,
    Variable,
    array,
    call,
    either,
    every,
    exists,
    first_of,
    joined,
    lifted,
    negated,
    substituted,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import CONTEXT, EXECUTION, INPUT, ITEM, RUN
from ductwork.contracts import asset_queue
from ductwork.contracts.ledger import RETENTION_DAYS

_DATES = ("logical_date", "data_interval_start", "data_interval_end")
DATES_MUST = (
    "must be a date or a time of ISO 8601, like 2026-01-02, 2026-01-02T03:04, 2026-01-02T03:04:05.678Z or "
    "2026-01-02T03:04:05+02:00"
)
CONF_MUST = "conf must be an object, or the JSON text of one"
DONE_MUST = "done must be an object of task ids and outcomes, as ductwork restart makes it"
CONF_LOSES = (
    "a number in conf has more digits than a state machine keeps: give conf as JSON text, "
    'like {"conf": "{\\"n\\": 1234567890123456789}"}'
)

# Every day that there is: engines disagree whether the 31st of February is one of March, or an error.
_DAY = (
    r"[12]\d\d\d-(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])"
    r"|[12]\d\d\d-(0[469]|11)-(0[1-9]|[12]\d|30)"
    r"|[12]\d\d\d-02-(0[1-9]|1\d|2[0-8])"
    r"|[12]\d(0[48]|[2468][048]|[13579][26])-02-29"
    r"|(12|16|2[048])00-02-29"
)
_TIME = r"T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.]\d+)?)?(Z|[-+]([01]\d|2[0-3]):?[0-5]\d)?"

_TIMESTAMP = Regex(f"^({_DAY})({_TIME})?$")

# The execution's input, within the expression that makes the run of it.
_IN = Variable("in")
_READABLE, _UTC, _TIME_OR = Variable("readable"), Variable("utc"), Variable("time")
_VALUE = Variable("v")


def _is_given(value: Node) -> Node:
    return call("boolean", value)


def _is_text(value: Node) -> Node:
    return call("type", value).equals("string")


def _is_no_text(value: Node) -> Node:
    return call("type", value).differs("string")


def _is_readable(value: Node) -> Node:
    return call(_READABLE.name, value)


def _time(value: Node, otherwise: Value) -> Node:
    return call(_TIME_OR.name, value, otherwise)


def _readable() -> Node:
    """Function: whether a value can be read as a time."""
    return Lambda((_VALUE,), every(_is_text(_VALUE), call("contains", _VALUE, _TIMESTAMP)))


def _utc() -> Node:
    """Function: a time, or a date, as Airflow writes it in UTC, which is the default zone too.

    Written out first, since engines' ``$toMillis`` differ in what they take; six digits of a fraction, or none.
    """
    day, zoned, spelt, time, at, offset, millis = map(Variable, ("day", "zoned", "spelt", "t", "at", "offset", "ms"))
    micros = Variable("us")
    hours, minutes = (call("number", call("substring", time, at + place, 2)) for place in (1, 4))
    sign = when(call("substring", time, at, 1).equals("-"), -1, 1)
    fraction = call("substring", call("pad", call("substring", time, 19, at - 19), 7, "0"), 0, 7)
    return Lambda(
        (_VALUE,),
        Block(
            (
                Bind(day, when(call("contains", _VALUE, "T"), _VALUE, _VALUE & "T00:00:00")),
                Bind(
                    zoned,
                    when(call("contains", day, Regex("T.*[-+Z]")), call("replace", day, "Z", "+00:00"), day & "+00:00"),
                ),
                Bind(spelt, call("replace", zoned, Regex(r"([-+]\d\d)(\d\d)$"), "$1:$2")),
                Bind(time, call("replace", spelt, Regex(r"T(\d\d:\d\d)([-+])"), "T$1:00$2")),
                Bind(at, call("length", time) - 6),
                Bind(offset, hours * 60 + minutes),
                Bind(millis, call("toMillis", call("substring", time, 0, 19) & "Z") - sign * offset * 60_000),
                Bind(micros, fraction),
                joined(
                    call("substring", call("fromMillis", millis), 0, 19),
                    when(call("contains", micros, Regex("[1-9]")), micros, ""),
                    "+00:00",
                ),
            )
        ),
    )


def _loses() -> Node:
    """Condition: of all values in conf, at any depth, there are numbers that are others once they have been written."""
    numbers = _IN.field("conf").each(Descendants()).where(call("type", ITEM).equals("number"))
    return call("count", numbers.where(call("number", text_of(ITEM)).differs(ITEM))) > 0


Refusal = tuple[Node, str]
"""A condition on the execution's input, :data:`_IN`, and what is wrong where it holds."""


def given(name: str) -> Node:
    """Condition: the execution's input has a value that is not empty."""
    return _is_given(_IN.field(name))


def member(name: str) -> Node:
    """A member of the execution's input, within what :func:`run_values` is given."""
    return _IN.field(name)


def partition() -> dict[str, Node]:
    """Further members of the runs of a partitioned DAG; "" is none, for Airflow refuses such a key."""
    key, date = _IN.field("partition_key"), _IN.field("partition_date")
    return {"partition_key": when(_is_text(key), key, ""), "partition_date": _time(date, "")}


def partition_refused() -> tuple[Refusal, ...]:
    """What is refused of a partitioned DAG's runs besides; 250 characters are the most that Airflow's column holds."""
    key, date = _IN.field("partition_key"), _IN.field("partition_date")
    length = either(call("trim", key).equals(""), call("length", key) > 250)
    return (
        (
            every(given("partition_key"), when(_is_no_text(key), True, length)),
            "partition_key must be text of 1 to 250 characters",
        ),
        (every(given("partition_date"), negated(_is_readable(date))), "partition_date " + DATES_MUST),
    )


def of_assets() -> dict[str, Node]:
    """Further members of the runs of a DAG that updates of assets start."""
    after = _IN.field(asset_queue.AFTER)
    return {
        asset_queue.AFTER: when(_is_text(after), after, ""),
        "run_after": _time(_IN.field("run_after"), RUN.field("end")),
    }


def of_assets_refused() -> tuple[Refusal, ...]:
    """What is refused of such a DAG's runs besides."""
    names = (asset_queue.AFTER, "run_after")
    return tuple((every(given(name), negated(_is_readable(_IN.field(name)))), f"{name} {DATES_MUST}") for name in names)


def run_values(
    dag_id: str,
    further: Mapping[str, Node],
    refused: Sequence[Refusal] = (),
    source: Node = INPUT,
    *,
    by_assets: bool = False,
) -> Node:
    """The variable ``$run``. Airflow's run id is made of the run's type and its logical date.

    An input with a logical date and nothing else is EventBridge Scheduler's: a scheduled run. ``done`` is a restart's:
    the tasks to pass over, with their outcomes.

    :param further: members besides, which may read those that are always there
    :param refused: what else cannot be taken
    :param source: the input, or what is made of it first
    :param by_assets: updates of assets start runs, too, which have no logical date
    """
    bad, odd, date, kind, given_id, run_type, run_id = map(
        Variable, ("bad", "odd", "date", "kind", "given", "run_type", "id")
    )
    conf, done = _IN.field("conf"), _IN.field("done")
    dated = _time(_IN.field("logical_date"), call(_UTC.name, CONTEXT.field("Execution", "StartTime")))
    wrong = array(*(when(condition, what) for condition, what in (*_problems(bad, odd, kind), *refused)))
    members: dict[str, Value] = {
        "id": run_id,
        "type": run_type,
        "pk": joined(f"run#{dag_id}#", run_id),
        "hash": hashed(joined(f"{dag_id}#", run_id)),
        "region": call("split", EXECUTION, ":").at(3),
        "logical_date": date,
        "start": _time(_IN.field("data_interval_start"), date),
        "end": _time(_IN.field("data_interval_end"), date),
        "conf": first_of([(kind.equals("string"), conf), (kind.equals("object"), text_of(conf))], "{}"),
        "done": when(done, done, {}),
        "refused": call("join", wrong, "; "),
        "expires": text_of(call("floor", call("millis") / 1000) + RETENTION_DAYS * 86_400),
    }
    for name, value in further.items():
        for known, of_run in tuple(members.items()):
            value = substituted(value, RUN.field(known), lifted(of_run))
        members[name] = value
    return Block(
        (
            Bind(_IN, source),
            Bind(_READABLE, _readable()),
            Bind(_UTC, _utc()),
            Bind(bad, _given_where(_DATES, negated(_is_readable(_VALUE)))),
            Bind(odd, _given_where(("run_id", "run_type"), _is_no_text(_VALUE))),
            Bind(_TIME_OR, _time_or()),
            Bind(date, when(given(asset_queue.AFTER), "", dated) if by_assets else dated),
            Bind(kind, when(exists(conf), call("type", conf), "null")),
            Bind(given_id, when(_is_text(_IN.field("run_id")), _IN.field("run_id"), "")),
            Bind(run_type, _run_type(given_id)),
            Bind(run_id, when(given_id.differs(""), given_id, run_type & "__" & date)),
            lifted(members),
        )
    )


def _problems(bad: Variable, odd: Variable, kind: Variable) -> tuple[tuple[Node, Value], ...]:
    """What is refused of any input.

    :param bad: the names of members that are no dates, ``odd`` of those that are no text; ``kind``: the conf's type
    """
    done = _IN.field("done")
    return (
        (call("count", bad) > 0, call("join", bad, ", ") & f" {DATES_MUST}"),
        (call("count", odd) > 0, call("join", odd, ", ") & " must be text"),
        (negated(kind.is_in(["string", "object", "null"])), CONF_MUST),
        (every(kind.equals("object"), _loses()), CONF_LOSES),
        (every(_is_given(done), call("type", done).differs("object")), DONE_MUST),
    )


def hashed(text: Node) -> Node:
    """The first characters of a text's hash, as :func:`ductwork.contracts.names.short_hash` has them."""
    return call("substring", call("hash", text, "SHA-256"), 0, 8)


def _given_where(names: Sequence[str], condition: Node) -> Node:
    """Those members of the input that are given, and whose value, ``$v``, is not as it must be."""
    value = Bind(_VALUE, call("lookup", _IN, ITEM))
    return lifted(names).where(Block((value, every(_is_given(_VALUE), condition))))


def _time_or() -> Node:
    """Function: a value as a time in UTC, where it can be read as one."""
    other = Variable("other")
    return Lambda((_VALUE, other), when(_is_readable(_VALUE), call(_UTC.name, _VALUE), other))


def _run_type(given_id: Node) -> Node:
    """As Airflow tells it by the id that a run is given."""
    of_id = when(
        call("contains", given_id, Regex("^(scheduled|backfill|asset_triggered)__")),
        call("substringBefore", given_id, "__"),
        "manual",
    )
    cases = [
        (given("run_type"), _IN.field("run_type")),
        (given_id.differs(""), of_id),
        (_IN.field("logical_date"), "scheduled"),
    ]
    return first_of(cases, "manual")


_REFUSED, _CONF = RUN.field("refused"), RUN.field("conf")
# The conf, once nothing is to be refused; the text of conf may still be no object's.
CONF = when(
    every(_REFUSED.equals(""), call("type", call("parse", _CONF)).equals("object")), _CONF, call("error", _REFUSED)
)
# After that has failed: why.
WHY = when(_REFUSED.equals(""), CONF_MUST, _REFUSED)
