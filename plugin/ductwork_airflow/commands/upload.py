"""``ductwork upload``: the DAG folder to S3, from where workers fetch it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import CLEAN, connect, location_options, refuse


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("location", metavar="s3://BUCKET/PREFIX")
@location_options
def upload(folder: Path, location: str, region_name: str | None, endpoint_url: str | None) -> int:
    """Put a DAG folder into S3, named by its content, and print the URI for --dag-code. Nothing is put there twice."""
    output.results()
    from ductwork_airflow.dag_code import archive, store
    from ductwork_airflow.dag_code.tree import DagCodeError

    try:
        with tempfile.TemporaryDirectory() as temporary:
            bundle = archive.pack(folder, Path(temporary))
            for path, why in bundle.left_out:
                output.say(f"left out: {path} ({why})")
            uri = store.upload(bundle, location, connect(region_name, endpoint_url))
    except DagCodeError as error:
        raise refuse("DW530", str(error), "mend it, then give the same command again") from error
    output.say(f"{bundle.files} files, {bundle.size:,} bytes packed")
    output.print_result(uri)
    return CLEAN
