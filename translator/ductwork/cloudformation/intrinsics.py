"""CloudFormation's intrinsic functions as data, and texts with places as templates spell them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# A value of a template: JSON, some of whose objects are calls of intrinsic functions.
Value = object
Resource = Mapping[str, Value]

_PLACE = re.compile(r"\$\{(\w+)\}")


def ref(name: str) -> Value:
    return {"Ref": name}


def att(resource: str, attribute: str = "Arn") -> Value:
    return {"Fn::GetAtt": [resource, attribute]}


def sub(text: str, **values: Value) -> Value:
    """Text with ``${...}`` filled.

    :param values: what is no parameter, resource or pseudo parameter
    """
    return {"Fn::Sub": [text, values] if values else text}


def joined(separator: str, parts: Sequence[Value]) -> Value:
    return {"Fn::Join": [separator, list(parts)]}


NO_VALUE = ref("AWS::NoValue")


def when(condition: str, then: Value, otherwise: Value = NO_VALUE) -> Value:
    return {"Fn::If": [condition, then, otherwise]}


def is_given(parameter: str) -> Value:
    """The condition that a parameter, empty by default, has a value."""
    return {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]}


def arn(service: str, resource: str) -> Value:
    """The ARN of something in the stack's own account and Region; ``${...}`` in ``resource`` is filled."""
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def filled(node: object, places: Mapping[str, Value]) -> Value:
    """A document with ``${Name}`` of its texts replaced by values of the template.

    ``Fn::Join`` leaves other ``${...}`` alone, which belong to the user's commands; ``Fn::Sub`` would not.
    """
    if isinstance(node, str):
        return _filled_text(node, places)
    if isinstance(node, Mapping):
        return {key: filled(inner, places) for key, inner in node.items()}
    return [filled(inner, places) for inner in node] if isinstance(node, list) else node


def _filled_text(text: str, places: Mapping[str, Value]) -> Value:
    parts: list[Value] = []
    for number, piece in enumerate(_PLACE.split(text)):
        if number % 2 == 0:
            value: Value = piece
        else:
            value = places.get(piece, f"${{{piece}}}")
        if isinstance(value, str) and parts and isinstance(parts[-1], str):
            parts[-1] += value
        elif value != "":
            parts.append(value)
    if not parts:
        return text
    return parts[0] if len(parts) == 1 else joined("", parts)


def places_of(text: str) -> set[str]:
    """The names of all ``${Name}`` in a text."""
    return set(_PLACE.findall(text))
