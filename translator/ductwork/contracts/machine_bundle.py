"""The document of a DAG that one state machine cannot hold: a root machine, its child machines, the facts of its tasks.

The states back end writes it where a plain definition would be over what Step Functions accepts; whoever deploys the
DAG reads it. A plain definition reads as a bundle without parts.

===================  ================================================================================================
state machine        name
===================  ================================================================================================
the root             as a machine of one definition
a child              ``<root's name>-<suffix>``, the suffix ``<number>-<hash of its definition>``: what is deployed
                     never changes, and a running root keeps its children when the DAG is deployed again
===================  ================================================================================================

A machine starts a child by a Task whose ``Resource`` is :data:`START`. Its ``StateMachineArn`` and ``Name`` hold the
child's suffix, in quotes or at the end of what is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypedDict, cast

from ductwork.contracts import partitions
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import json_text
from ductwork.contracts.names import short_hash, state_machine_name
from ductwork.contracts.stepfunctions_limits import MACHINE_NAME_LIMIT
from ductwork.contracts.task_facts import Facts

FORM = "machines/1"
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
START = "arn:aws:states:::states:startExecution.sync:2"
# The first state of a child.
TAKE = "Take run"
_ID_LENGTH = 16
_SUFFIX = re.compile(r"\d{1,4}-[0-9a-f]{8}")
_NAMED = re.compile(r'"manifest"\s*:\s*\{\s*"S"\s*:\s*"([0-9a-f]{16})"\s*\}')
_QUOTED = re.compile(rf"(?<=['-]){_SUFFIX.pattern}(?=')")
# The longest suffix, and the hyphen before it.
ROOT_NAME_LIMIT = MACHINE_NAME_LIMIT - len("-0000-00000000")
# The arguments of START that name a child.
_NAMING = ("StateMachineArn", "Name")


class BundleError(ValueError):
    """A document that is neither a definition nor a bundle of this version."""


class TaskManifest(TypedDict):
    """The facts of all tasks, which are too many for the root machine's own text.

    :ivar id: a hash of ``tasks``, by which the run's item names them
    """

    id: str
    tasks: Facts


class MachineBundle(TypedDict):
    """All that a DAG's machines are made of.

    :ivar ductwork: :data:`FORM`
    :ivar definition: the root's
    :ivar parts: the children's by suffix; a child's own children are among them
    :ivar manifest: None where the root says the facts itself
    """

    ductwork: str
    definition: JsonObject
    parts: Mapping[str, JsonObject]
    manifest: TaskManifest | None


def machine_names(dag_id: str) -> list[str]:
    """What the state machine of a DAG may be called: it is shorter where it has child machines."""
    return list(dict.fromkeys(state_machine_name(dag_id, limit) for limit in (MACHINE_NAME_LIMIT, ROOT_NAME_LIMIT)))


def bundle(definition: JsonObject, parts: Mapping[str, JsonObject], tasks: Facts) -> MachineBundle:
    """The document of a root machine with child machines.

    :param parts: by suffix, see :func:`suffix`
    """
    manifest: TaskManifest = {"id": manifest_id(tasks), "tasks": tasks}
    return {"ductwork": FORM, "definition": definition, "parts": parts, "manifest": manifest}


def manifest_id(tasks: Facts) -> str:
    """What facts are called in the ledger: a hash of them, 16 hexadecimal digits."""
    return short_hash(json_text(tasks), _ID_LENGTH)


def manifest_of(definition: str) -> str | None:
    """The id of the manifest that a root machine's run item names; None if it says the facts itself.

    :param definition: its text, as deployed
    """
    found = _NAMED.search(definition)
    return found[1] if found else None


def suffix(number: int, definition: JsonObject) -> str:
    """What follows the root's name in a child's.

    :param number: which child of its root it is, counted from 1
    """
    return f"{number}-{short_hash(json_text(definition))}"


def is_child_name(name: str, root: str) -> bool:
    """Whether a machine is named as a child of the root of that name is."""
    return name.startswith(f"{root}-") and _SUFFIX.fullmatch(name[len(root) + 1 :]) is not None


def is_child(definition: JsonObject) -> bool:
    """Whether a definition is a child's."""
    return definition.get("StartAt") == TAKE


def is_bundle(document: JsonObject) -> bool:
    """Whether a document is a bundle of any version; no state machine has such a member."""
    return "ductwork" in document


def read(document: JsonObject) -> MachineBundle:
    """A compiled document as a bundle; a plain definition is one without parts.

    :raises BundleError: it is a bundle of another version, or not a whole one
    """
    if not is_bundle(document):
        return {"ductwork": FORM, "definition": document, "parts": {}, "manifest": None}
    if document["ductwork"] != FORM:
        raise BundleError(f"its form is {document['ductwork']!r}, and this version reads {FORM!r}")
    for member in ("definition", "parts", "manifest"):
        if not isinstance(document.get(member), Mapping):
            raise BundleError(f"its {member} is missing, or no object")
    found = cast(MachineBundle, document)
    if found["manifest"] is None or not {"id", "tasks"} <= found["manifest"].keys():
        raise BundleError("its manifest has no id, or no tasks")
    if odd := sorted(name for name in found["parts"] if not _SUFFIX.fullmatch(name)):
        raise BundleError(f"{odd[0]!r} is no name of a part")
    for definition in (found["definition"], *found["parts"].values()):
        if unknown := sorted(set(children(definition)) - found["parts"].keys()):
            raise BundleError(f"it starts {unknown[0]!r}, which is none of its parts")
    return found


def machines(document: JsonObject) -> list[JsonObject]:
    """The definitions of all machines of a compiled document, the root's first.

    :raises BundleError: as :func:`read`
    """
    found = read(document)
    return [found["definition"], *found["parts"].values()]


def children(definition: JsonObject) -> list[str]:
    """The suffixes of the children that a machine starts itself, in whatever partition it is deployed."""
    texts = (text for arguments in _starts(definition) for text in arguments.values())
    return list(dict.fromkeys(name for text in texts for name in _QUOTED.findall(text)))


def named_by_content(found: MachineBundle) -> MachineBundle:
    """The same bundle, each child named by the hash of the definition that it has here.

    Where places are filled after the compilation, two deployments of one file are different machines.
    """
    renamed: dict[str, str] = {}
    parts: dict[str, JsonObject] = {}

    def rename(name: str) -> None:
        if name not in renamed:
            definition = with_inner(found["parts"][name])
            renamed[name] = suffix(int(name.partition("-")[0]), definition)
            parts[renamed[name]] = definition

    def with_inner(definition: JsonObject) -> JsonObject:
        for inner in children(definition):
            rename(inner)
        return cast(JsonObject, _replaced(definition, renamed.__getitem__))

    for name in found["parts"]:
        rename(name)
    return {**found, "definition": with_inner(found["definition"]), "parts": parts}


def _starts(node: object) -> Iterator[Mapping[str, str]]:
    """Of each Task that starts a child, the arguments that name it."""
    if isinstance(node, Mapping):
        if _starts_child(node):
            arguments = node.get("Arguments") or {}
            yield {name: str(arguments[name]) for name in _NAMING if name in arguments}
        for inner in node.values():
            yield from _starts(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _starts(inner)


def _starts_child(node: Mapping[str, object]) -> bool:
    return partitions.plain(str(node.get("Resource"))) == START


def _replaced(node: object, new: Callable[[str], str]) -> object:
    if isinstance(node, list):
        return [_replaced(inner, new) for inner in node]
    if not isinstance(node, Mapping):
        return node
    if not _starts_child(node):
        return {key: _replaced(inner, new) for key, inner in node.items()}
    arguments = dict(cast(JsonObject, node["Arguments"]))
    for name in _NAMING:
        if name in arguments:
            arguments[name] = _QUOTED.sub(lambda found: new(found[0]), str(arguments[name]))
    return {**node, "Arguments": arguments}
