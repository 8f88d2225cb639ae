"""The files that are upgraded together: those named, those of folders, and the helpers that they import."""

from __future__ import annotations

import os
import tokenize
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ductwork.diagnostics import Diagnostics, Origin, present
from ductwork.frontend.old_names import helpers, imports

_LEFT_OUT = {"__pycache__", "node_modules", "venv", "site-packages"}


@dataclass
class Project:
    """Python files and what they import from each other.

    :param sources: the text of each file, by its path as the user would write it
    :param exported: the names that other files import from a file, by its path
    """

    sources: dict[str, str] = field(default_factory=dict)
    exported: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def gather(paths: Sequence[str], diagnostics: Diagnostics) -> Project:
    """Read the files. What cannot be read, or parsed, is reported (DW101, DW102) and left out."""
    project, seen = Project(), set[str]()
    for path in present(paths, diagnostics):
        root = Path(path) if os.path.isdir(path) else Path(path).parent
        waiting = _python_files(Path(path)) if os.path.isdir(path) else [path]
        while waiting:
            file = waiting.pop(0)
            if (real := os.path.realpath(file)) in seen:
                continue
            seen.add(real)
            if (text := _read(file, diagnostics)) is None:
                continue
            project.sources[file] = text
            for helper, names in helpers(text, Path(file), root):
                project.exported[os.path.realpath(helper)].update(names)
                waiting.append(helper)
    return project


def _python_files(folder: Path) -> list[str]:
    found = []
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _LEFT_OUT and not each.startswith("."))
        found += [os.path.join(at, each) for each in sorted(files) if each.endswith(".py")]
    return found


def _read(file: str, diagnostics: Diagnostics) -> str | None:
    try:
        with open(file, "rb") as opened:
            encoding, _ = tokenize.detect_encoding(opened.readline)
            opened.seek(0)
            # With its own line ends, which tokenize.open would change.
            text = opened.read().decode(encoding)
        list(imports(text))
    except (SyntaxError, ValueError, OSError, RecursionError) as error:
        line, message = getattr(error, "lineno", None) or 0, getattr(error, "msg", None) or str(error)
        if isinstance(error, OSError):
            diagnostics.add("DW101", Origin(file), f"the file cannot be read: {message}", "check its permissions")
        else:
            hint = "mend this line; if it was written for Python 2, 2to3 of Python 3.12 or older changes the syntax"
            diagnostics.add("DW102", Origin(file, line), f"Python 3 cannot parse the file: {message}", hint)
        return None
    return text
