"""``ductwork script``: a script out of S3, run in a container whose image does not have it.

The script is the command's first argument. Or the variables name it that AWS's own fetch-and-run image reads: then the
arguments are those that this image takes, the first of which is the script's name.

=====================  =========================================================================
``BATCH_FILE_S3_URL``  the script's place in S3, or that of a zip archive with the script in it
``BATCH_FILE_TYPE``    ``script`` (the default) or ``zip``
=====================  =========================================================================

Its exit code is the script's, 128 + N if signal N has killed it, or :data:`NOT_RUN`.
"""

from __future__ import annotations

import errno
import hashlib
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from botocore.exceptions import NoCredentialsError, NoRegionError

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.objects import ObjectError, download

NOT_RUN = 125
_URL, _TYPE = "BATCH_FILE_S3_URL", "BATCH_FILE_TYPE"
_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(\S+)")


class ScriptError(ValueError):
    """There is no script to be run; the message says why."""


@dataclass(frozen=True)
class Script:
    """What to fetch and run.

    :param member: the path of the script in the archive that is fetched; None: what is fetched is the script
    :param sha256: what its content, or that of the archive, must have, in hexadecimal digits; None: whatever it has
    """

    bucket: str
    key: str
    arguments: tuple[str, ...]
    member: str | None = None
    sha256: str | None = None

    @classmethod
    def parse(cls, words: Sequence[str], environ: Mapping[str, str], sha256: str | None = None) -> Script:
        """Read the command's arguments, and the variables.

        :raises ScriptError: they name none
        """
        uri, arguments, member = environ.get(_URL), list(words), None
        if uri:
            kind = environ.get(_TYPE) or "script"
            if kind not in {"script", "zip"}:
                raise ScriptError(f"{_TYPE} must be 'script' or 'zip', not {kind!r}")
            name = arguments.pop(0) if arguments else None
            member = name if kind == "zip" else None
            if kind == "zip" and not member:
                raise ScriptError("the first argument must name the script in the archive")
        elif arguments:
            uri = arguments.pop(0)
        if not (match := _URI.fullmatch(uri or "")):
            raise ScriptError(f"{uri!r} is no script: give s3://BUCKET/KEY as the first argument, or in {_URL}")
        return cls(match[1], match[2], tuple(arguments), member, sha256.lower() if sha256 else None)

    def fetch(self, folder: Path, aws: Aws) -> Path:
        """The script in a folder, which its owner may execute.

        :raises ScriptError: it is another than it should be
        :raises ObjectError: S3 does not give it
        """
        path = folder / (Path(self.key).name or "script")
        download(self.bucket, self.key, path, aws)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if self.sha256 not in {None, found}:
            raise ScriptError(f"its SHA-256 is {found} and should be {self.sha256}: it was written over")
        if self.member:
            path = self._member(path, folder / "unpacked")
        path.chmod(0o700)
        return path

    def _member(self, archive: Path, folder: Path) -> Path:
        try:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(folder)
        except zipfile.BadZipFile as error:
            raise ScriptError(f"it is no zip archive: {error}") from error
        path = folder / str(self.member)
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise ScriptError(f"there is no {self.member} in the archive")
        return path

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def main(words: Sequence[str], environ: Mapping[str, str], sha256: str | None = None) -> int:
    """Fetch a script and run it, with this process's environment and streams.

    :param words: the command's arguments
    :return: the exit code
    """
    try:
        script = Script.parse(words, environ, sha256)
    except ScriptError as error:
        return _not_run(str(error))
    with tempfile.TemporaryDirectory(prefix="ductwork-script-") as folder:
        try:
            path = script.fetch(Path(folder), Aws(environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")))
            return _run(path, script)
        except (ScriptError, ObjectError, NoCredentialsError, NoRegionError, OSError) as error:
            return _not_run(f"{script} is not run: {error}")


def _not_run(why: str) -> int:
    print(f"ductwork script: {why}", file=sys.stderr)
    return NOT_RUN


def _run(path: Path, script: Script) -> int:
    # In an archive a script finds what is beside it, as with AWS's image.
    folder = path.parent if script.member else None
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def passed_on(number: int, _: FrameType | None) -> None:
        if started:
            started[0].send_signal(number)
        else:
            early.append(number)

    # Before there is a process: a signal that comes while it is started must not end this one alone.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, passed_on)
    started.append(_started(path, script, folder))
    for missed in early:
        started[0].send_signal(missed)
    code = started[0].wait()
    return code if code >= 0 else 128 - code


def _started(path: Path, script: Script, folder: Path | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen([path, *script.arguments], cwd=folder)
    except FileNotFoundError:
        first = path.read_bytes().split(b"\n", 1)[0]
        raise ScriptError(f"the image does not have what its first line names: {first!r}") from None
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # As a shell does with a file that names no interpreter.
        return subprocess.Popen(["/bin/sh", path, *script.arguments], cwd=folder)
