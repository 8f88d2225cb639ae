"""XComs for people: the values that Airflow's wire form stands for, as plain JSON.

The wire form names classes (``{"__classname__": "builtins.tuple", "__version__": 1, "__data__": [...]}``). Reading it
never imports one that the ledger names: those of the table below are read by Airflow, of any other the data are shown.
"""

from __future__ import annotations

_CLASS, _VERSION, _DATA = "__classname__", "__version__", "__data__"
_WIRE = {_CLASS, _VERSION, _DATA}

# Packages whose classes Airflow itself turns into a text or a number, and back.
_READ_BY_AIRFLOW = frozenset({"datetime", "decimal", "numpy", "pendulum", "uuid", "zoneinfo"})
_TUPLE = "builtins.tuple"  # a moment's time zone is one

_SHOWN_CHARACTERS = 200


def shown(value: object) -> object:
    """A value for people to read.

    :param value: an XCom as the ledger has it, its JSON decoded
    :return: JSON: sequences and sets as lists, moments, lengths of time and decimals as texts, objects by their fields
    """
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if not _is_wire(value):
        return {key: shown(inner) for key, inner in value.items()}
    if _is_read_by_airflow(value):
        return _read(value)
    name, data = value[_CLASS], value.get(_DATA)
    if isinstance(data, (list, dict)):
        return shown(data)
    # What is left is bytes in some form of a library's own, a data frame for example.
    text = str(data)
    return f"{name}({text if len(text) <= _SHOWN_CHARACTERS else f'{len(text):,} characters'})"


def _is_wire(value: dict[str, object]) -> bool:
    return value.keys() <= _WIRE and isinstance(value.get(_CLASS), str) and _VERSION in value


def _is_read_by_airflow(value: object) -> bool:
    """Whether nothing but classes of the table is in it."""
    if isinstance(value, list):
        return all(map(_is_read_by_airflow, value))
    if not isinstance(value, dict):
        return True
    name = value[_CLASS] if _is_wire(value) else _TUPLE
    is_read = name == _TUPLE or name.partition(".")[0] in _READ_BY_AIRFLOW
    return is_read and all(map(_is_read_by_airflow, value.values()))


def _read(value: dict[str, object]) -> object:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    from ductwork_airflow import compat

    try:
        return to_jsonable_python(compat.decode_xcom(value), fallback=_plain)
    except (ImportError, TypeError, ValueError, KeyError, PydanticSerializationError):
        return shown(value.get(_DATA))  # of a library that is not installed here, or of another version


def _plain(value: object) -> object:
    """What pydantic does not know: numpy's numbers and arrays, time zones."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
