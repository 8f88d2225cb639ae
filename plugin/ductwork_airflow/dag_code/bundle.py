"""The DAG bundle of Airflow's that reads DAG code from S3."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path

from airflow.dag_processing.bundles.base import BaseDagBundle, get_bundle_versions_base_folder

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.dag_code.store import CodeObject, fetch

_CONFIGURED = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


class S3CodeBundle(BaseDagBundle):  # type: ignore[misc]
    """One version of a DAG folder, named by its hash. Airflow's own ``S3DagBundle`` has no versions.

    :param uri: ``s3://BUCKET/PREFIX/HASH.zip``
    :param region_name: of S3; None: boto3 finds one where it looks
    """

    supports_versioning = True

    def __init__(
        self, *, name: str, uri: str, region_name: str | None = None, version: str | None = None, **others: object
    ) -> None:
        super().__init__(name=name, version=version or CodeObject.parse(uri).hash, **others)
        self._uri, self._region_name = uri, region_name

    def initialize(self) -> None:
        """Fetch the DAG code unless it is there.

        :raises DagCodeError: it cannot be fetched
        """
        fetch(self._uri, self.versions_dir, Aws(self._region_name))
        super().initialize()

    @property
    def path(self) -> Path:
        """The folder with the DAG files."""
        return Path(self.versions_dir, CodeObject.parse(self._uri).hash)

    def get_current_version(self) -> str:
        """The hash."""
        return CodeObject.parse(self._uri).hash

    def refresh(self) -> None:
        """Nothing: what a hash names stays as it is."""


def configure(environ: MutableMapping[str, str], name: str, uri: str, region_name: str | None) -> None:
    """Have Airflow take a bundle's files from S3, in the place of what the image says of that bundle."""
    others = [each for each in json.loads(environ.get(_CONFIGURED) or "[]") if each.get("name") != name]
    arguments = {"uri": uri, "region_name": region_name}
    own = {"name": name, "classpath": f"{S3CodeBundle.__module__}.{S3CodeBundle.__qualname__}", "kwargs": arguments}
    environ[_CONFIGURED] = json.dumps([*others, own])


def fetch_for(name: str, uri: str, region_name: str | None) -> None:
    """Fetch what :func:`configure` names, so that the processes of a task find it.

    :raises DagCodeError: it cannot be fetched
    """
    fetch(uri, get_bundle_versions_base_folder(bundle_name=name), Aws(region_name))
