"""The DAG folder of a command's DAG files, packed: what ``upload`` puts into S3, and ``deploy --upload`` on its way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import refuse

if TYPE_CHECKING:
    from ductwork_airflow.aws.clients import Aws
    from ductwork_airflow.dag_code.archive import Bundle

# Below the bucket that also has what is too large for a template.
PREFIX = "ductwork/code"
_MEND = "mend it, then give the same command again"


@dataclass(frozen=True)
class PackedCode:
    """A DAG folder that is packed, and where in S3 it belongs.

    :param location: ``s3://BUCKET/PREFIX``
    """

    bundle: Bundle
    location: str

    @property
    def uri(self) -> str:
        """What compiled schedules name."""
        return f"{self.location.rstrip('/')}/{self.bundle.hash}.zip"

    def upload(self, aws: Aws) -> str:
        """Put it there unless it is there; the URI.

        :raises BadInputError: DW530
        """
        from ductwork_airflow.dag_code import store
        from ductwork_airflow.dag_code.tree import DagCodeError

        try:
            uri = store.upload(self.bundle, self.location, aws)
        except DagCodeError as error:
            raise refuse("DW530", str(error), _MEND) from error
        output.say(f"{self.bundle.files} files, {self.bundle.size:,} bytes packed")
        return uri


@contextmanager
def packed(folder: Path, location: str) -> Iterator[PackedCode]:
    """A DAG folder as an archive, which is there within the block; what is left out of it is said.

    :param location: ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``
    :raises BadInputError: DW530
    """
    from ductwork_airflow.dag_code import archive
    from ductwork_airflow.dag_code.tree import DagCodeError

    with tempfile.TemporaryDirectory() as temporary:
        try:
            bundle = archive.pack(folder, Path(temporary))
        except DagCodeError as error:
            raise refuse("DW530", str(error), _MEND) from error
        for path, why in bundle.left_out:
            output.say(f"left out: {path} ({why})")
        yield PackedCode(bundle, location)


def folder_of(paths: Sequence[str]) -> Path:
    """The one folder that all files of a command are of, as workers will have it: from it their paths are counted.

    :raises click.UsageError: they are of several
    """
    from ductwork.startup import airflow_imports

    with airflow_imports():
        from ductwork.frontend.processing import locate
    found = sorted({locate(path, path if os.path.isdir(path) else None).bundle for path in paths})
    if len(found) > 1:
        both = " and ".join(map(str, found[:2]))
        raise click.UsageError(f"--upload takes the files of one folder, and these are of {both}: name that above them")
    return found[0]
