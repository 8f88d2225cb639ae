"""One finding of the checks of emitted state machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """:param rule: a short stable word that tests name; :param where: the state (and field) it is about"""

    rule: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"[{self.rule}] {self.where}: {self.what}"


def scopes(scope: dict[str, Any], path: str = "machine") -> Iterator[tuple[str, dict[str, Any]]]:
    """The machine and every branch and item processor in it, with a name for messages."""
    yield path, scope
    for name, state in scope.get("States", {}).items():
        for number, branch in enumerate(state.get("Branches", ())):
            yield from scopes(branch, f"{path} > {name}[{number}]")
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"], f"{path} > {name}")


def expression_code(value: Any) -> str | None:
    """The code of a marked JSONata string, None for anything else: the marks must be at the very ends."""
    if isinstance(value, str) and len(value) >= 4 and value.startswith("{%") and value.endswith("%}"):
        return value[2:-2]
    return None


def strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """All strings in a JSON value, with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from strings(inner, f"{path}/{number}")
