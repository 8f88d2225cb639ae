"""What a DAG file reads of its surroundings while it is imported: the environment, Variables, Connections.

A worker imports the file again, in its container. What is read there must be the same, or tasks are other ones there,
or the import fails. So the reads are recorded as they happen; the source would only let us guess.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.frontend.processing import Location

# Our own: they say where a file is, and users do not set them.
_OURS = "DUCTWORK_"
# A checkout of Ductwork may lie in the folder of a DAG file.
_OUR_CODE = f"{Path(__file__).parents[1]}{os.sep}"
_ALL = "all of it"
_IN_BETWEEN = frozenset({"os", "collections.abc"})
_LISTED = 5
_ENVIRONMENT = "the environment"

# Class, method and what it reads. DAG files still import the models; they are there once a DagBag is.
_LOOKUPS = (
    ("airflow.sdk.definitions.variable", "Variable", "get", "Variable"),
    ("airflow.sdk.definitions.connection", "Connection", "get", "Connection"),
    ("airflow.models.variable", "Variable", "get", "Variable"),
    ("airflow.models.connection", "Connection", "get_connection_from_secrets", "Connection"),
)


class Reads:
    """What the author's own code reads, in the DAG file and its helpers.

    What libraries read for themselves is left out: a DAG file cannot know of it.
    """

    def __init__(self, bundle: Path) -> None:
        self._bundle = f"{bundle}{os.sep}"
        # By file: its first line that reads something, and the names by kind.
        self._lines: dict[str, int] = {}
        self._names: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))

    def note(self, kind: str, name: str, frame: FrameType | None) -> None:
        """Record one read.

        :param frame: the caller of what looks the name up
        """
        file = frame.f_code.co_filename if frame else ""
        is_authors = file.startswith(self._bundle) and "site-packages" not in file and not file.startswith(_OUR_CODE)
        if frame is None or not is_authors or name.startswith(_OURS):
            return
        self._lines.setdefault(file, frame.f_lineno)
        self._names[file][kind][name] = None

    def report(self, path: str, place: Location, diagnostics: Diagnostics) -> None:
        """DW110 for each file that has read something.

        :param path: the DAG file as the user named it
        """
        for file, kinds in self._names.items():
            origin = Origin(place.as_given(file, path), self._lines[file])
            what = f"the file reads {' and '.join(_shown(*each) for each in kinds.items())} when it is imported"
            hint = "what it reads must be the same in the workers' image, which import the file again"
            diagnostics.add("DW110", origin, what, hint)


def _shown(kind: str, names: dict[str, None]) -> str:
    if _ALL in names:
        return f"{kind}, {_ALL}"
    shown = ", ".join([*names][:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{kind} ({shown}{more})" if kind == _ENVIRONMENT else f"{kind} {shown}{more}"


@contextlib.contextmanager
def watched(bundle: Path) -> Iterator[Reads]:
    """Record the reads of the code that the block runs."""
    reads = Reads(bundle)
    environ: object = os.environ
    kept = environ.__class__
    environ.__class__ = _recording(kept, reads)
    with contextlib.ExitStack() as undoing:
        undoing.callback(setattr, environ, "__class__", kept)
        for module, owner, method, kind in _LOOKUPS:
            cls = getattr(importlib.import_module(module), owner)
            undoing.callback(setattr, cls, method, cls.__dict__[method])
            setattr(cls, method, _told(cls.__dict__[method].__func__, kind, reads))
        yield reads


def _recording(base: type, reads: Reads) -> type:
    """A class for ``os.environ`` that records who reads what; ``os.getenv`` and all methods end in these two."""

    class Environ(base):  # type: ignore[misc]
        def __getitem__(self, key: str) -> str:
            reads.note(_ENVIRONMENT, str(key), _caller())
            return str(super().__getitem__(key))

        def __iter__(self) -> Iterator[str]:
            reads.note(_ENVIRONMENT, _ALL, _caller())
            return iter(super().__iter__())

    return Environ


def _caller() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in _IN_BETWEEN:
        frame = frame.f_back
    return frame


def _told(lookup: Callable[..., Any], kind: str, reads: Reads) -> classmethod[Any, Any, Any]:
    def get(cls: Any, *args: Any, **kwargs: Any) -> Any:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and str(frame.f_globals.get("__name__")).startswith("airflow."):
            frame = frame.f_back
        reads.note(kind, str(next(iter([*args, *kwargs.values()]), "")), frame)
        return lookup(cls, *args, **kwargs)

    return classmethod(get)
