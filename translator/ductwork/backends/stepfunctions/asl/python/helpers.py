"""What Python does and JSONata does not: functions that an expression defines in front, where it calls them.

Data are JSON whose numbers are kept as :mod:`.boxes` says.
"""

from __future__ import annotations

from collections.abc import Callable

from ductwork.backends.stepfunctions.asl.nodes import (
    MOST_DIGITS,
    Bind,
    Block,
    Lambda,
    Node,
    Range,
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
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.python import boxes, dates

_V, _W, _K, _M, _T, _O = map(Variable, ("v", "w", "k", "m", "t", "o"))


def _matches(value: Node, pattern: str) -> Node:
    return call("contains", value, Regex(pattern))


def _is(value: Node, kind: str) -> Node:
    return call("type", value).equals(kind)


def failure(*parts: Value) -> Node:
    """An error of the run, as Airflow would have one."""
    return call("error", joined(*parts))


def _lexeme() -> Node:
    """A boxed number as text."""
    odd = failure("a state machine cannot tell how Python writes the number ", call("substring", _V, 1))
    return Lambda((_V,), when(call("substring", _V, 0, 1).equals(boxes.BOX), call("substring", _V, 1), odd))


def _is_boxed(value: Node) -> Node:
    return call("substring", value, 0, 1).is_in([boxes.BOX, boxes.ODD])


def _text() -> Node:
    """``str()``"""
    return Lambda((_V,), when(every(_is(_V, "string"), negated(_is_boxed(_V))), _V, call("repr", _V)))


# Characters that Python and everybody prints as they are.
_PRINTABLE = "[ -~\u00a1-\u00ac\u00ae-\u0377\u4e00-\u9fa5]"


def _repr() -> Node:
    """``repr()``"""
    escaped: Node = call("replace", _V, "\\", "\\\\")
    for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = call("replace", escaped, character, escape)
    printable = _matches(_W, f"^{_PRINTABLE}*$")
    double = every(call("contains", _V, "'"), negated(call("contains", _V, '"')))
    quoted = when(double, joined('"', _W, '"'), joined("'", call("replace", _W, "'", "\\'"), "'"))
    odd = failure("a state machine cannot tell how Python writes ", _V)
    text = Block((Bind(_W, escaped), when(printable, quoted, odd)))
    pair = joined(call("repr", _K), ": ", call("repr", call("lookup", _V, _K)))
    pairs = call("map", call("names", _V), Lambda((_K,), pair))
    return Lambda(
        (_V,),
        first_of(
            [
                (every(_is(_V, "string"), negated(_is_boxed(_V))), text),
                (_is(_V, "array"), joined("[", call("join", array(call("map", _V, Variable("repr"))), ", "), "]")),
                (_is(_V, "object"), joined("{", call("join", array(pairs), ", "), "}")),
                (_is(_V, "string"), call("lexeme", _V)),
                (_is(_V, "boolean"), when(_V, "True", "False")),
                (_is(_V, "null"), "None"),
            ],
            text_of(_V),
        ),
    )


def _names() -> Node:
    """The keys of a dictionary in Python's order."""
    keys, key = Variable("mine"), Variable("key")
    # Where there are others, JavaScript has keys like numbers in front.
    numeric = call("filter", keys, Lambda((key,), _matches(key, "^(0|[1-9][0-9]*)$")))
    told = either(call("count", keys) < 2, call("count", numeric).equals(0))
    odd = failure("a state machine cannot tell the order of ", call("join", keys, ", "))
    mine = Block((Bind(keys, array(call("keys", _V))), when(told, keys, odd)))
    return Lambda((_V, _W), when(_is(_V, "object"), mine, failure(_W, " is no dictionary")))


def _json() -> Node:
    """What the filter tojson writes: sorted keys, nothing that is special in HTML."""
    # Only within an array is a text written in quotes.
    listed = text_of(array(_V))
    text: Node = call("substring", listed, 1, call("length", listed) - 2)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("'", "\\u0027")):
        text = call("replace", text, character, escape)
    odd = failure("a state machine cannot write in ASCII ", _V)
    string = when(_matches(_V, "^[\\x00-~]*$"), text, odd)
    key = Variable("key")
    pair = joined(call("json", key), ": ", call("json", call("lookup", _V, key)))
    pairs = call("map", call("sort", call("keys", _V)), Lambda((key,), pair))
    return Lambda(
        (_V,),
        first_of(
            [
                (_is(_V, "string"), when(_is_boxed(_V), call("lexeme", _V), string)),
                (_is(_V, "array"), joined("[", call("join", array(call("map", _V, Variable("json"))), ", "), "]")),
                (_is(_V, "object"), joined("{", call("join", array(pairs), ", "), "}")),
            ],
            text_of(_V),
        ),
    )


def _truth() -> Node:
    number = call("number", call("lexeme", _V))
    return Lambda(
        (_V,),
        first_of(
            [
                (_is(_V, "string"), when(_is_boxed(_V), number.differs(0), _V.differs(""))),
                (_is(_V, "boolean"), _V),
                (_is(_V, "null"), False),
                (_is(_V, "number"), _V.differs(0)),
                (_is(_V, "array"), call("count", _V) > 0),
            ],
            call("count", call("keys", _V)) > 0,
        ),
    )


def _found() -> Node:
    """A member of a dictionary; nothing where there is none, or where it is no dictionary."""
    return Lambda((_V, _K), when(_is(_V, "object"), call("lookup", _V, _K)))


def _member() -> Node:
    found = Variable("mine")
    value = Bind(found, call("found", _V, _K))
    return Lambda((_V, _K, _W), Block((value, when(exists(found), found, failure(_W, " is undefined")))))


def _member_or() -> Node:
    found = Variable("mine")
    return Lambda((_V, _K, _O), Block((Bind(found, call("found", _V, _K)), when(exists(found), found, _O))))


def _get() -> Node:
    return Lambda(
        (_V, _K, _O, _W), when(_is(_V, "object"), call("member_or", _V, _K, _O), failure(_W, " is no dictionary"))
    )


def _characters(text: Node) -> Node:
    at = Variable("at")
    all_of_them = Range(lifted(0), call("length", text) - 1)
    return call("map", all_of_them, Lambda((at,), call("substring", text, at, 1)))


def _entries() -> Node:
    characters = when(_is_boxed(_V), failure(_W, " is a number"), array(_characters(_V)))
    return Lambda(
        (_V, _W),
        first_of(
            [
                (_is(_V, "array"), _V),
                (_is(_V, "object"), call("names", _V, _W)),
                (_is(_V, "string"), characters),
            ],
            failure(_W, " is nothing to go through"),
        ),
    )


def _placed() -> Node:
    """An item by a number from either end; nothing where there is none."""
    size, at = Variable("most"), Variable("at")
    # A text's characters are no array: a long text has more of them than a range may have.
    inside = every(at >= 0, at < size)
    found = when(_is(_V, "array"), _V.at(at), call("substring", _V, at, 1))
    text_size = when(every(_is(_V, "string"), negated(_is_boxed(_V))), call("length", _V), 0)
    return Lambda(
        (_V, _K),
        Block(
            (
                Bind(size, when(_is(_V, "array"), call("count", _V), text_size)),
                Bind(at, when(_K < 0, size + _K, _K)),
                when(inside, found),
            )
        ),
    )


def _item() -> Node:
    found = Variable("mine")
    value = Bind(found, call("placed", _V, _K))
    return Lambda((_V, _K, _W), Block((value, when(exists(found), found, failure(_W, " is undefined")))))


def _item_or() -> Node:
    found = Variable("mine")
    return Lambda((_V, _K, _O), Block((Bind(found, call("placed", _V, _K)), when(exists(found), found, _O))))


def _part() -> Node:
    """A slice, whose bounds may be null."""
    size, begin, end, count, at = map(Variable, ("most", "from", "until", "many", "at"))
    length = when(_is(_V, "array"), call("count", _V), call("length", _V))

    def bound(given: Variable, otherwise: Value) -> Node:
        counted = when(given < 0, call("max", array(size + given, 0)), call("min", array(given, size)))
        return when(_is(given, "null"), otherwise, counted)

    several = array(call("filter", _V, Lambda((_K, at), every(at >= begin, at < end))))
    # An array in brackets is itself, unless it has brackets of its own.
    single = when(_is(_V.at(begin), "array"), array(array(_V.at(begin))), array(_V.at(begin)))
    items = first_of([(count < 1, array()), (count.equals(1), single)], several)
    part = Block(
        (
            Bind(size, length),
            Bind(begin, bound(_K, 0)),
            Bind(end, bound(_O, size)),
            Bind(count, call("max", array(end - begin, 0))),
            when(_is(_V, "array"), items, call("substring", _V, begin, count)),
        )
    )
    told = either(_is(_V, "array"), every(_is(_V, "string"), negated(_is_boxed(_V))))
    return Lambda((_V, _K, _O, _W), when(told, part, failure(_W, " is undefined")))


def _size() -> Node:
    odd = failure(_W, " has no length")
    return Lambda(
        (_V, _W),
        first_of(
            [
                (_is(_V, "array"), call("count", _V)),
                (_is(_V, "object"), call("count", call("keys", _V))),
                (_is(_V, "string"), when(_is_boxed(_V), odd, call("length", _V))),
            ],
            odd,
        ),
    )


def _scalar() -> Node:
    """A value that is equal to another if Python says so: True is 1, and 1.0, too."""
    return Lambda(
        (_V,),
        first_of(
            [
                (_is(_V, "boolean"), when(_V, 1, 0)),
                (every(_is(_V, "string"), _is_boxed(_V)), call("number", call("lexeme", _V))),
            ],
            _V,
        ),
    )


def _numeric() -> Node:
    scalar = Variable("single")
    value = Bind(scalar, call("scalar", _V))
    odd = failure(_W, " is no number")
    return Lambda((_V, _W), Block((value, when(_is(scalar, "number"), scalar, odd))))


def _whole() -> Node:
    """``int()`` as the filter has it: what stands at the front of a number; otherwise the number given."""
    text, digits = Variable("written"), Variable("figures")
    is_number = _matches(text, r"^[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)$")
    is_none = negated(_matches(text, "[0-9]|[^ -~]"))
    odd = failure("a state machine cannot tell what number ", text, " is")
    # Before the point, without a sign.
    front = call("replace", call("replace", text, Regex("[.].*$"), ""), Regex("^[-+]"), "")
    size = call("length", call("replace", digits, Regex("^0+"), ""))
    sign = when(_matches(text, "^-"), -1, 1)
    number = first_of([(digits.equals(""), 0), (size <= MOST_DIGITS, sign * call("number", digits))], odd)
    return Lambda(
        (_V, _O),
        Block(
            (
                Bind(text, call("strip", call("text", _V), "both")),
                first_of(
                    [
                        (_is(_V, "boolean"), when(_V, 1, 0)),
                        (call("type", _V).is_in(["null", "array", "object"]), _O),
                        (is_number, Block((Bind(digits, front), number))),
                        (is_none, _O),
                    ],
                    odd,
                ),
            )
        ),
    )


# What Python's strip() takes away.
_SPACE = r"[\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"


def _strip() -> Node:
    left = call("replace", _V, Regex(f"^{_SPACE}"), "")
    return Lambda(
        (_V, _M),
        Block(
            (
                Bind(_T, when(_M.equals("right"), _V, left)),
                when(_M.equals("left"), _T, call("replace", _T, Regex(f"{_SPACE}$"), "")),
            )
        ),
    )


def _joined() -> Node:
    return Lambda((_V, _T), call("join", array(call("map", _V, Lambda((_M,), call("text", _M)))), _T))


def _typed() -> Node:
    """A value whose type is one of JSON Schema's, which are in a text."""
    names, kind = Variable("kinds"), Variable("kind")
    is_whole = every(lifted("integer").is_in(names), call("floor", _V).equals(_V))
    fits = first_of(
        [
            (every(kind.equals("string"), _is_boxed(_V)), lifted("number").is_in(names)),
            (kind.equals("number"), either(lifted("number").is_in(names), is_whole)),
        ],
        kind.is_in(names),
    )
    return Lambda(
        (_V, _K, _W),
        Block(
            (
                Bind(names, call("split", _K, " ")),
                Bind(kind, call("type", _V)),
                when(fits, _V, failure(_W, " is no ", _K)),
            )
        ),
    )


def _within() -> Node:
    return Lambda(
        (_V, _O, _W),
        first_of(
            [
                (_is(_O, "string"), when(_is_boxed(_O), failure(_W, " is a number"), call("contains", _O, _V))),
                (_is(_O, "array"), _V.is_in(_O)),
                (_is(_O, "object"), exists(call("lookup", _O, _V))),
            ],
            failure(_W, " holds nothing"),
        ),
    )


def _digits() -> Node:
    odd = failure("a state machine keeps 15 digits of a number, and not those of ", text_of(_V))
    return Lambda((_V,), when(call("abs", _V) < 10**15, text_of(_V), odd))


def _zfill() -> Node:
    """Of a text of digits, maybe with a sign in front."""
    sign = when(_matches(_V, "^[-+]"), call("substring", _V, 0, 1), "")
    rest = when(_matches(_V, "^[-+]"), call("substring", _V, 1), _V)
    width = _K - call("length", _T)
    return Lambda((_V, _K), Block((Bind(_T, sign), _T & call("pad", rest, lifted(0) - width, "0"))))


def _quotient() -> Node:
    odd = failure("division by zero")
    return Lambda((_V, _K), when(_K.equals(0), odd, call("floor", _V / _K)))


# What stands in the place of an XCom's JSON text that is too much for a state.
TOO_LARGE = ""
# How Airflow says that there is an object of Python's: airflow.sdk.serde, CLASSNAME and OLD_TYPE.
_OBJECT = '"__(classname__|type)"'


def _xcom() -> Node:
    """The data of an XCom's JSON text."""
    large = failure("a state machine cannot tell what is in ", _W, ": it is too large")
    odd = failure("a state machine cannot tell what is in ", _W, ": an object that JSON does not have")
    return Lambda((_V, _W), first_of([(_V.equals(TOO_LARGE), large), (_matches(_V, _OBJECT), odd)], boxes.parsed(_V)))


HELPERS: dict[str, Callable[[], Node]] = {
    "lexeme": _lexeme,
    "text": _text,
    "repr": _repr,
    "names": _names,
    "json": _json,
    "truth": _truth,
    "found": _found,
    "member": _member,
    "member_or": _member_or,
    "get": _get,
    "entries": _entries,
    "placed": _placed,
    "item": _item,
    "item_or": _item_or,
    "part": _part,
    "size": _size,
    "scalar": _scalar,
    "numeric": _numeric,
    "whole": _whole,
    "strip": _strip,
    "joined": _joined,
    "typed": _typed,
    "within": _within,
    "digits": _digits,
    "zfill": _zfill,
    "quotient": _quotient,
    "xcom": _xcom,
    **dates.HELPERS,
}
