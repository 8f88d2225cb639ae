"""A DAG folder as a zip archive, and back: what comes out has the digest that the archive is named by."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ductwork_airflow.dag_code.tree import FILE, FOLDER, LIMIT_BYTES, PROGRAM, DagCodeError, Entry, copy, digest, read

# The earliest that a zip archive can tell.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODES = {FOLDER: 0o40755, PROGRAM: 0o100755, FILE: 0o100644}


@dataclass(frozen=True)
class Bundle:
    """A packed DAG folder.

    :param hash: SHA-256 of its content in hexadecimal digits, which does not depend on how it is packed
    :param path: of the archive
    :param files: how many
    :param size: of the archive, in bytes
    :param left_out: what of the folder is not in it, each path with the reason
    """

    hash: str
    path: Path
    files: int
    size: int
    left_out: tuple[tuple[str, str], ...] = ()


def pack(folder: Path, into: Path) -> Bundle:
    """Write ``into / <hash>.zip``.

    :raises DagCodeError: the folder cannot be packed
    """
    tree = read(folder)
    entries: list[Entry] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".packing-", dir=into) as temporary:
            archive = Path(temporary, "archive")
            with zipfile.ZipFile(archive, "w") as opened:
                entries += (_add(opened, *place) for place in tree.places)
            path = archive.replace(into / f"{digest(entries)}.zip")
    except OSError as error:
        raise DagCodeError(f"the DAG code cannot be packed in {into}: {error}") from error
    files = sum(entry.kind != FOLDER for entry in entries)
    return Bundle(path.stem, path, files, path.stat().st_size, tree.left_out)


def _add(archive: zipfile.ZipFile, path: str, kind: str, place: Path) -> Entry:
    info = zipfile.ZipInfo(f"{path}/" if kind == FOLDER else path, _TIME)
    info.create_system = 3  # Unix, whose permissions these are
    info.external_attr = _MODES[kind] << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    if kind == FOLDER:
        archive.writestr(info, b"")
        return Entry(path, kind)
    with place.open("rb") as source, archive.open(info, "w") as target:
        return Entry(path, kind, copy(source, target))


def unpack(path: Path, expected: str, folder: Path) -> None:
    """Write what is in an archive to a new folder.

    :param expected: the hash of what has to be in it
    :raises DagCodeError: something else is in it
    :raises OSError: it cannot be written
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if (size := sum(member.file_size for member in members)) > LIMIT_BYTES:
                raise ValueError(f"{size:,} bytes of files, more than {LIMIT_BYTES:,}")
            folder.mkdir()
            found = digest([_extract(archive, member, folder) for member in members])
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise DagCodeError(f"it is no archive of DAG code ({error}): upload the DAG folder again") from error
    if found != expected:
        raise DagCodeError(f"what is in it has the hash {found}: it was written over; upload the DAG folder again")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Entry:
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"a file outside of it: {member.filename!r}")
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.is_dir():
        place.mkdir(exist_ok=True)
        return Entry(str(name), FOLDER)
    kind = PROGRAM if member.external_attr >> 16 & 0o100 else FILE
    with archive.open(member) as source, place.open("wb") as target:
        found = copy(source, target)
    place.chmod(_MODES[kind] & 0o777)
    return Entry(str(name), kind, found)
