"""What the requests of a schedule's jobs name, and for which tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import cast

from ductwork.contracts import shared_request
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.run_item import Manifest, tasks_of
from ductwork.contracts.task_facts import jobs

_SHOWN = 5


def named(document: JsonObject, members: Collection[str]) -> dict[str, list[str]]:
    """The tasks by each name that their requests have under one of ``members``; what is no task is a state or a job.

    A name that only the run knows is left out.

    :param document: a compiled schedule, its places filled
    """
    tasks = jobs(tasks_of(cast(Manifest, document.get("manifest", {}))))
    found: dict[str, list[str]] = {}
    for name, user in _named(document, "", {}, tasks, members):
        users = found.setdefault(name, [])
        if user not in users:
            users.append(user)
    return found


def shown(users: list[str]) -> str:
    """The tasks that name something, as an error lists them."""
    return f"task {', '.join(users[:_SHOWN])}{', ...' if users[_SHOWN:] else ''}"


def _named(
    node: object, user: str, shared: JsonObject, tasks: Mapping[str, str], members: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Each name with the one whose request has it.

    :param user: the state or the job that ``node`` is within
    :param shared: what requests of workers have in common in the machine that it is within
    """
    if isinstance(node, Mapping):
        user = str(node.get("name", user)) if "submit" in node else user
        shared = shared_request.of_machine(node) or shared
        for member, inner in node.items():
            if member in members and isinstance(inner, str):
                if "${" not in inner and not inner.startswith("{%"):
                    yield inner, tasks.get(user, user)
            elif member in {"States", "states"} and isinstance(inner, Mapping):
                for state, its in inner.items():
                    yield from _named(its, state, shared, tasks, members)
            elif member == "Arguments" and shared_request.is_merged(inner):
                yield from _named(shared, user, {}, tasks, members)
            elif member != "Assign":
                yield from _named(inner, user, shared, tasks, members)
    elif isinstance(node, list):
        for inner in node:
            yield from _named(inner, user, shared, tasks, members)
