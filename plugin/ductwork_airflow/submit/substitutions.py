"""Filling the named places of a compiled schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar, cast

from ductwork_airflow.aws.errors import SubmissionError

_PLACE = re.compile(r"\$\{((?:run:)?\w+)\}")
# The places that the translator leaves open. Other texts of this form belong to the user's commands.
_OWN = frozenset({"JobQueue", "JobDefinition", "LedgerTable"})


# A text, a list or an object of JSON.
Document = TypeVar("Document")


def fill(document: Document, values: Mapping[str, str]) -> Document:
    """``document`` with every ``${Name}`` that ``values`` knows replaced; other places stay as they are.

    :param values: for ``${Name}`` by ``Name``, for ``${run:name}`` by ``run:name``
    """
    return cast(Document, _filled(document, values))


def _filled(value: object, values: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return _PLACE.sub(lambda place: values.get(place[1], place[0]), value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value


def complete(document: Document, values: Mapping[str, str]) -> Document:
    """``document`` with all its places filled.

    :raises SubmissionError: some of the translator's own places are still open
    """
    filled = fill(document, values)
    if still_open := sorted(unfilled(filled) & _OWN):
        named = ", ".join(f"${{{name}}}" for name in still_open)
        example = ", ".join(f"{name}=..." for name in still_open)
        raise SubmissionError(
            f"the compiled schedule leaves {named} open: give values ({example}), or compile with "
            "--job-queue, --job-definition and --ledger-table"
        )
    return filled


def unfilled(document: object) -> set[str]:
    """The names of the places that are still open."""
    if isinstance(document, str):
        return set(_PLACE.findall(document))
    inner = document.values() if isinstance(document, Mapping) else document if isinstance(document, list) else ()
    return {name for value in inner for name in unfilled(value)}
