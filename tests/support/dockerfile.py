"""Dockerfiles as lists of instructions, and a build of one stage in a plain folder, for machines without Docker."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """:ivar instructions: ``(name, arguments)`` in the order of the file"""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def of(self, name: str) -> list[str]:
        return [arguments for found, arguments in self.instructions if found == name]


def stages(path: Path) -> list[Stage]:
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    found: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append(Stage(arguments))
        elif name and found:
            found[-1].instructions.append((name, arguments.strip()))
    return found


def context(root: Path, ignore: Path, into: Path) -> None:
    """Copy what a .dockerignore of the form "all but ..." leaves of the tracked files."""
    lines = [line for line in ignore.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    kept = [line[1:] for line in lines if line.startswith("!")]
    dropped = [line.removeprefix("**/") for line in lines[1:] if not line.startswith("!")]

    def ignored(_: str, names: list[str]) -> set[str]:
        return {name for pattern in dropped for name in fnmatch.filter(names, pattern)}

    into.mkdir()
    for path in sorted(root.iterdir()):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in kept):
            if path.is_dir():
                shutil.copytree(path, into / path.name, ignore=ignored)
            else:
                shutil.copy(path, into / path.name)


class Build:
    """Carries out a stage's COPY and RUN; paths that begin with /opt or /source are below ``root``.

    :param arguments: build arguments, before the defaults of ARG
    """

    def __init__(self, root: Path, files: Path, arguments: dict[str, str]) -> None:
        self._root, self._files, self._given = root, files, arguments
        self._variables: dict[str, str] = {}
        self._folder = root

    def carry_out(self, stage: Stage) -> None:
        for name, arguments in stage.instructions:
            getattr(self, f"_{name.lower()}")(arguments)

    def _placed(self, text: str) -> str:
        return re.sub(r"(?<![\w.])/(opt|source)\b", lambda match: f"{self._root}/{match[1]}", text)

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda match: self._variables[match[1]], text)

    def _arg(self, text: str) -> None:
        name, _, default = text.partition("=")
        self._variables[name] = self._given.get(name, default)

    def _env(self, text: str) -> None:
        self._variables.update(pair.split("=", 1) for pair in text.split())

    def _workdir(self, text: str) -> None:
        self._folder = Path(self._placed(text))
        self._folder.mkdir(parents=True)

    def _copy(self, text: str) -> None:
        *sources, target = self._filled(text).split()
        place = self._folder / target
        for source in sources:
            found = self._files / source
            if found.is_dir():
                shutil.copytree(found, place)
            else:
                shutil.copy(found, place)

    def _run(self, text: str) -> None:
        command = self._placed(re.sub(r"--mount=\S+\s+", "", text))
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=self._folder,
            env={**os.environ, **self._variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def words(text: str) -> list[str]:
    """The words of an instruction in its JSON form."""
    found = json.loads(text)
    assert isinstance(found, list)
    return found
