"""Filling the named places of a compiled schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ductwork_airflow.submit.errors import SubmissionError

_PLACE = re.compile(r"\$\{((?:run:)?\w+)\}")
# The places that the translator leaves open. Other texts of this form belong to the user's commands.
_OWN = frozenset({"JobQueue", "JobDefinition", "LedgerTable"})


def fill(document: Any, values: Mapping[str, str]) -> Any:
    """``document`` with every ``${Name}`` that ``values`` knows replaced; other places stay as they are.

    :param values: for ``${Name}`` by ``Name``, for ``${run:name}`` by ``run:name``
    """
    if isinstance(document, str):
        return _PLACE.sub(lambda place: values.get(place[1], place[0]), document)
    if isinstance(document, Mapping):
        return {key: fill(inner, values) for key, inner in document.items()}
    if isinstance(document, list):
        return [fill(inner, values) for inner in document]
    return document


def complete(document: Any, values: Mapping[str, str]) -> Any:
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


def unfilled(document: Any) -> set[str]:
    """The names of the places that are still open."""
    if isinstance(document, str):
        return set(_PLACE.findall(document))
    inner = document.values() if isinstance(document, Mapping) else document if isinstance(document, list) else ()
    return {name for value in inner for name in unfilled(value)}
