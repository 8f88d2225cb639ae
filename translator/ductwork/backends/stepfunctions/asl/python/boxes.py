"""Numbers of users as JSONata keeps them: those that it would write otherwise than Python stand in texts of their own.

JSONata has one kind of number, and writes 15 digits of it: Python's ``1.0``, ``1e-07`` and ``12345678901234567`` would
come out as others. Such a number is a *box*: a text of a private character and the number as Python writes it.
"""

from __future__ import annotations

import json
import math
import re

from ductwork.backends.stepfunctions.asl.nodes import (
    MOST_DIGITS,
    Bind,
    Block,
    Lambda,
    Node,
    Regex,
    Variable,
    call,
    either,
    every,
    first_of,
    joined,
    negated,
    when,
)

# Of Unicode's private use. BOX: followed by the number as Python writes it. ODD: as somebody else has written it.
BOX, ODD = "\ue000", "\ue001"

# As JSON has them. Those that come out of JSONata as they went in:
WHOLE = "-?(0|[1-9][0-9]{0,14})"
FRACTION = "-?(0|[1-9][0-9]*)[.][0-9]*[1-9]"
SMALL = "-?0[.]0000"
# At the most a sign, a point and 15 digits.
FRACTION_LENGTH = MOST_DIGITS + 1
# Those that Python writes in the same way as they are written.
PYTHONS = (
    "-?[1-9][0-9]{15,}|-?(0|[1-9][0-9]{0,15})[.]0|-?[1-9]([.][0-9]*[1-9])?e(-(0[5-9]|[1-9][0-9]+)|[+](1[6-9]|[2-9][0-9]|"
    "[1-9][0-9]{2}))"
)
# With 17 digits Python writes what has no shorter form.
LONG_FRACTION_LENGTH = 20


def boxed(value: object) -> object:
    """JSON data with its numbers as JSONata keeps them."""
    if isinstance(value, dict):
        return {key: boxed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [boxed(inner) for inner in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = json.dumps(value)
        return value if math.isfinite(value) and _is_kept(text) else BOX + text
    return value


def _is_kept(text: str) -> bool:
    if re.fullmatch(WHOLE, text):
        return True
    is_short = len(text) <= FRACTION_LENGTH and not re.match(SMALL, text)
    return bool(is_short and re.fullmatch(FRACTION, text))


def _matches(value: Node, pattern: str) -> Node:
    return call("contains", value, Regex(pattern))


def parsed(text: Node) -> Node:
    """The data of a JSON text, their numbers kept, too."""
    number, match = Variable("n"), Variable("m")
    kept = either(
        _matches(number, f"^{WHOLE}$"),
        every(
            call("length", number) <= FRACTION_LENGTH,
            _matches(number, f"^{FRACTION}$"),
            negated(_matches(number, f"^{SMALL}")),
        ),
    )
    pythons = either(
        _matches(number, f"^({PYTHONS})$"),
        every(
            call("length", number) <= LONG_FRACTION_LENGTH,
            _matches(number, f"^{FRACTION}$"),
            negated(_matches(number, f"^{SMALL}")),
        ),
    )
    box = joined('"', when(pythons, BOX, ODD), number, '"')
    replaced = Lambda(
        (match,),
        Block(
            (
                Bind(number, match.field("match")),
                first_of([(call("substring", number, 0, 1).equals('"'), number), (kept, number)], box),
            )
        ),
    )
    # A text, which is passed over, or a number.
    token = Regex(r'"([^"\x5c]|\x5c.)*"|-?[0-9][-+.0-9eE]*')
    return call("parse", call("replace", text, token, replaced))
