"""What is in a DAG folder: its files in one order, and one digest for all of them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pathspec

# One task downloads and unpacks as much, before it does anything else.
LIMIT_BYTES = 256 * 1024 * 1024
IGNORE_FILE = ".ductworkignore"
FOLDER, FILE, PROGRAM = "folder", "file", "program"
_PART_BYTES = 1024 * 1024

# What tools leave beside the files, and no DAG file imports or reads.
_LEFT_BY_TOOLS = frozenset(
    {"__pycache__", ".git", ".hg", ".svn", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
    | {".DS_Store"}
)


class DagCodeError(RuntimeError):
    """DAG code that cannot be packed, stored or fetched; the message says what to do.

    :ivar lasting: to try again would fail in the same way
    """

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.lasting = lasting


@dataclass(frozen=True)
class Entry:
    """A file or a folder, by what of it counts.

    :param path: relative to the DAG folder, with slashes
    :param kind: ``folder``, ``file``, or ``program`` for a file that may be executed
    :param hash: SHA-256 of the content in hexadecimal digits; empty for a folder
    """

    path: str
    kind: str
    hash: str = ""


def digest(entries: Iterable[Entry]) -> str:
    """SHA-256, in hexadecimal digits, of names, contents and who may be executed; not of times, owners or order."""
    lines = sorted(f"{entry.kind} {entry.hash} {entry.path}\0" for entry in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy a file's content; its SHA-256 in hexadecimal digits."""
    found = hashlib.sha256()
    while part := source.read(_PART_BYTES):
        found.update(part)
        target.write(part)
    return found.hexdigest()


@dataclass(frozen=True)
class Tree:
    """A DAG folder's content.

    :param places: relative paths in their order, each with ``folder``, ``file`` or ``program``, and where it is
    :param left_out: paths, each with the reason
    """

    places: tuple[tuple[str, str, Path], ...]
    left_out: tuple[tuple[str, str], ...]


def read(folder: Path) -> Tree:
    """Everything below a folder that may be imported or read when its DAG files are: links are followed.

    What ``.airflowignore`` names is in it: DAG files may import it. What ``.ductworkignore``, written as a .gitignore,
    names in the folder is not.

    :raises DagCodeError: the folder cannot be read, is in itself by a link, or is larger than :data:`LIMIT_BYTES`
    """
    if not folder.is_dir():
        raise DagCodeError(f"{folder} is no folder: name the DAGs folder")
    reader = _Reader(folder)
    try:
        reader.walk("", frozenset())
    except (OSError, UnicodeError) as error:
        raise DagCodeError(f"the DAG folder cannot be read: {error}") from error
    return Tree(tuple(sorted(reader.places)), tuple(sorted(reader.left_out)))


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._size = 0
        self.places: list[tuple[str, str, Path]] = []
        self.left_out: list[tuple[str, str]] = []
        ignored = folder / IGNORE_FILE
        lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.is_file() else ()
        self._ignored = pathspec.GitIgnoreSpec.from_lines(lines)

    def walk(self, prefix: str, above: frozenset[tuple[int, int]]) -> None:
        """Read a folder below the DAG folder.

        :param above: device and inode of the folders that it is in
        """
        here = self._folder / prefix
        found = here.stat()
        if (found.st_dev, found.st_ino) in above:
            raise DagCodeError(
                f"{here} leads back to a folder above it: take the link away, or name it in {IGNORE_FILE}"
            )
        for name in sorted(os.listdir(here)):
            self._add(f"{prefix}{name}", name, above | {(found.st_dev, found.st_ino)})

    def _add(self, path: str, name: str, above: frozenset[tuple[int, int]]) -> None:
        place = self._folder / path
        is_folder = place.is_dir()
        if name in _LEFT_BY_TOOLS or name.endswith((".pyc", ".pyo")):
            return
        if self._ignored.match_file(f"{path}/" if is_folder else path):
            self.left_out.append((path, f"named in {IGNORE_FILE}"))
        elif is_folder:
            path.encode()
            self.places.append((path, FOLDER, place))
            self.walk(f"{path}/", above)
        elif not place.exists():
            self.left_out.append((path, f"a link that leads to no file: {os.readlink(place)}"))
        elif not place.is_file():
            self.left_out.append((path, "neither a file nor a folder"))
        else:
            self._add_file(path, place)

    def _add_file(self, path: str, place: Path) -> None:
        path.encode()
        mode = place.stat()
        self._size += mode.st_size
        if self._size > LIMIT_BYTES:
            raise DagCodeError(
                f"the DAG folder {self._folder} has more than {LIMIT_BYTES // 2**20} MiB, which is the limit, as each "
                f"task downloads it: keep data elsewhere in S3, or name it in {IGNORE_FILE}"
            )
        self.places.append((path, PROGRAM if mode.st_mode & stat.S_IXUSR else FILE, place))
