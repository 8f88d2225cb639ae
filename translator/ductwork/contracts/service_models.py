"""AWS's APIs as botocore's own models describe them: actions, members, types; read as data, nothing is called.

The models are part of botocore, which boto3 needs: https://github.com/boto/botocore/tree/develop/botocore/data
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# A shape of a model, or the model, as botocore has it: JSON, nested.
Shape = Mapping[str, Any]

_TEXT, _NUMBER = {"string", "character"}, {"integer", "long", "float", "double"}
_THROTTLED = ("Throttl", "TooManyRequests")
_WHOLE = {"integer", "long"}


class UnknownActionError(ValueError):
    """botocore has no such service, or the service no such action."""


@dataclass(frozen=True)
class Problem:
    """What AWS would refuse.

    :param path: names of members and indexes, from the argument inwards
    """

    path: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class Error:
    """An error of an action.

    :param name: which boto3's exception has, too
    :param passes: it is worth another try
    """

    name: str
    code: str
    passes: bool

    @classmethod
    def read(cls, name: str, shape: Shape) -> Error:
        """The error that a shape describes."""
        about = shape.get("error", {})
        code = str(about.get("code", name))
        by_aws = bool(shape.get("fault")) or about.get("httpStatusCode", 0) >= 500
        return cls(name, code, by_aws or any(word in code for word in _THROTTLED))


@dataclass(frozen=True)
class Action:
    """An action of a service.

    :param service: as boto3 names it
    :param name: as the API has it, e.g. ``StartJobRun``
    """

    service: str
    name: str

    def __post_init__(self) -> None:
        if self.name not in _model(self.service)["operations"]:
            raise UnknownActionError(f"{self.service} has no action {self.name}")

    @property
    def _operation(self) -> Shape:
        operation: Shape = _model(self.service)["operations"][self.name]
        return operation

    def problems(self, arguments: Mapping[str, object]) -> Iterator[Problem]:
        """What AWS would refuse of a request, as far as it is known before the run.

        :param arguments: in boto3's spelling; what is no JSON is known only in a run, and may be anything
        """
        yield from _problems(arguments, self._input, _model(self.service)["shapes"], ())

    @property
    def _input(self) -> Shape:
        return _shape(self._operation.get("input"), _model(self.service)["shapes"])

    @property
    def errors(self) -> tuple[Error, ...]:
        """The errors that the model lists; others may come too."""
        shapes = _model(self.service)["shapes"]
        names = dict.fromkeys(each["shape"] for each in self._operation.get("errors", ()))
        return tuple(Error.read(name, shapes[name]) for name in names)

    def renamed(self, arguments: object, rename: Callable[[str], str]) -> object:
        """A request with its members renamed; keys that are data, and what is no JSON, stay as they are.

        :param rename: a function of a member's name
        """
        return _renamed(arguments, self._input, _model(self.service)["shapes"], rename)


@cache
def service_id(service: str) -> str:
    """What AWS's own kits name a service by, e.g. ``Redshift Data``.

    :raises UnknownActionError: botocore does not know it
    """
    return str(_model(service)["metadata"]["serviceId"])


@cache
def _model(service: str) -> Shape:
    spec = find_spec("botocore")
    assert spec is not None, "boto3 is a requirement"
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data" / service
    found = sorted(folder.glob("*/service-2.json*")) if re.fullmatch(r"[a-z0-9-]+", service) else []
    if not found:
        raise UnknownActionError(f"AWS has no service {service}")
    # Versions are dates.
    content = found[-1].read_bytes()
    model: Shape = json.loads(gzip.decompress(content) if found[-1].suffix == ".gz" else content)
    return model


def _shape(reference: Shape | None, shapes: Mapping[str, Shape]) -> Shape:
    return shapes[reference["shape"]] if reference else {"type": "structure", "members": {}}


def _problems(value: object, shape: Shape, shapes: Mapping[str, Shape], path: tuple[str, ...]) -> Iterator[Problem]:
    kind = str(shape["type"])
    if not (value is None or isinstance(value, (str, int, float, Mapping, list, tuple))):
        return
    if wrong := _unlike(value, kind):
        yield Problem(path, wrong)
    elif isinstance(value, Mapping) and kind == "structure":
        yield from _of_structure(value, shape, shapes, path)
    elif isinstance(value, Mapping) and kind == "map":
        for key, inner in value.items():
            yield from _problems(key, shapes[shape["key"]["shape"]], shapes, (*path, str(key)))
            yield from _problems(inner, shapes[shape["value"]["shape"]], shapes, (*path, str(key)))
    elif isinstance(value, (list, tuple)) and kind == "list":
        yield from _out_of_range(len(value), shape, path, "items")
        for number, inner in enumerate(value):
            yield from _problems(inner, shapes[shape["member"]["shape"]], shapes, (*path, str(number)))
    elif isinstance(value, str) and kind in _TEXT:
        yield from _out_of_range(len(value), shape, path, "characters")
    elif isinstance(value, (int, float)) and kind in _NUMBER:
        yield from _out_of_range(value, shape, path, "")


def _of_structure(
    value: Mapping[str, object], shape: Shape, shapes: Mapping[str, Shape], path: tuple[str, ...]
) -> Iterator[Problem]:
    members = shape["members"]
    for name in shape.get("required", ()):
        if name not in value:
            yield Problem((*path, name), "it is required")
    for name, inner in value.items():
        if name in members:
            yield from _problems(inner, shapes[members[name]["shape"]], shapes, (*path, name))
        else:
            yield Problem((*path, str(name)), f"there is no such member, only {', '.join(sorted(members))}")


def _unlike(value: object, kind: str) -> str:
    """What is wrong with a value's type; empty if nothing."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    right = {
        "structure": isinstance(value, Mapping),
        "map": isinstance(value, Mapping),
        "list": isinstance(value, (list, tuple)),
        "boolean": isinstance(value, bool),
        "timestamp": is_number or isinstance(value, str),
        "blob": value is not None,
        **dict.fromkeys(_TEXT, isinstance(value, str)),
        **dict.fromkeys(_NUMBER, is_number),
        **dict.fromkeys(_WHOLE, is_number and isinstance(value, int)),
    }
    return "" if right[kind] else f"{json.dumps(value, default=lambda _: '(of the run)')[:60]} is no {kind}"


def _out_of_range(size: float, shape: Shape, path: tuple[str, ...], unit: str) -> Iterator[Problem]:
    least, most = shape.get("min"), shape.get("max")
    said = f"{size:g} {unit}".strip()
    if least is not None and size < least:
        yield Problem(path, f"{said}, and the least is {least}")
    if most is not None and size > most:
        yield Problem(path, f"{said}, and the most is {most}")


def _renamed(value: object, shape: Shape, shapes: Mapping[str, Shape], rename: Callable[[str], str]) -> object:
    if isinstance(value, Mapping) and shape["type"] == "structure":
        members = shape["members"]
        return {
            rename(name): _renamed(inner, shapes[members[name]["shape"]], shapes, rename)
            for name, inner in value.items()
        }
    if isinstance(value, Mapping) and shape["type"] == "map":
        return {key: _renamed(inner, shapes[shape["value"]["shape"]], shapes, rename) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and shape["type"] == "list":
        return [_renamed(inner, shapes[shape["member"]["shape"]], shapes, rename) for inner in value]
    return value
