"""Archives of DAG code in S3: put there once, fetched once for each place where they are kept."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts.aws_names import DAG_CODE

from ductwork_airflow.aws import errors
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.objects import ObjectError, download, refused
from ductwork_airflow.dag_code.archive import Bundle, unpack
from ductwork_airflow.dag_code.tree import DagCodeError

_LOCATION = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^\s]*))?")


@dataclass(frozen=True)
class CodeObject:
    """DAG code in S3: ``s3://BUCKET/PREFIX/HASH.zip``."""

    bucket: str
    key: str
    hash: str

    @classmethod
    def parse(cls, uri: str) -> CodeObject:
        """What a URI names.

        :raises DagCodeError: it does not name DAG code
        """
        if not (match := DAG_CODE.fullmatch(uri)) or not match["hash"]:
            raise DagCodeError(f"{uri!r} does not name DAG code: it is s3://BUCKET/PREFIX/HASH.zip, as `upload` prints")
        return cls(match["bucket"], match["key"], match["hash"])

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def upload(bundle: Bundle, location: str, aws: Aws) -> str:
    """Put DAG code into S3, unless it is there.

    :param location: ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``
    :return: the URI that compiled schedules name
    :raises DagCodeError: S3 does not take it
    """
    if not (match := _LOCATION.fullmatch(location)):
        raise DagCodeError(f"{location!r} is no place in S3: give s3://BUCKET/PREFIX")
    prefix = (match["prefix"] or "").strip("/")
    place = CodeObject(match["bucket"], f"{prefix}/{bundle.hash}.zip".lstrip("/"), bundle.hash)
    try:
        if not _is_there(place, aws):
            with bundle.path.open("rb") as content:
                where = {"Bucket": place.bucket, "Key": place.key, "ContentType": "application/zip"}
                aws.client("s3").put_object(**where, Body=content, ChecksumAlgorithm="SHA256")
    except (ClientError, BotoCoreError) as error:
        why = refused(error, place.bucket, "s3:PutObject and s3:GetObject")
        raise DagCodeError(f"the DAG code cannot be put to {place}: {why}", lasting=why.lasting) from error
    return str(place)


def _is_there(place: CodeObject, aws: Aws) -> bool:
    try:
        aws.client("s3").head_object(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        # Who may not list a bucket is not told of an object that is missing, but refused.
        if errors.status(error) in {403, 404}:
            return False
        raise
    return True


def fetch(uri: str, versions: Path, aws: Aws) -> Path:
    """The folder that DAG code is unpacked in: it is fetched unless it is there.

    Processes that fetch the same at once do not meet: each unpacks in a folder of its own, and the first renames it.

    :param versions: where each version has a folder, named by its hash
    :raises DagCodeError: it cannot be fetched, or is not what its name says
    """
    place = CodeObject.parse(uri)
    folder = versions / place.hash
    if folder.is_dir():
        return folder
    try:
        versions.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=versions) as temporary:
            unpacked = Path(temporary, "unpacked")
            _download(place, Path(temporary, "archive"), aws)
            unpack(Path(temporary, "archive"), place.hash, unpacked)
            _keep(unpacked, folder)
    except DagCodeError as error:
        raise DagCodeError(f"the DAG code {uri} cannot be used: {error}", lasting=error.lasting) from error
    except OSError as error:
        room = f", where {shutil.disk_usage(versions).free // 2**20:,} MiB are free" if versions.is_dir() else ""
        raise DagCodeError(
            f"the DAG code {uri} cannot be unpacked in {versions}{room}: {error.strerror}; "
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH names another place"
        ) from error
    return folder


def _download(place: CodeObject, path: Path, aws: Aws) -> None:
    missing = "it is not there any more: upload the DAG folder again, or restore it; a run needs its own"
    try:
        download(place.bucket, place.key, path, aws, missing)
    except ObjectError as error:
        raise DagCodeError(str(error), lasting=error.lasting) from error


def _keep(unpacked: Path, folder: Path) -> None:
    try:
        os.rename(unpacked, folder)
    except OSError:
        if not folder.is_dir():  # another process was faster
            raise
