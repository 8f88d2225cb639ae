"""``ductwork upload``: the DAG folder to S3, from where workers fetch it."""

from __future__ import annotations

from pathlib import Path

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import CLEAN, connect, location_options
from ductwork_airflow.commands.packing import packed


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("location", metavar="s3://BUCKET/PREFIX")
@location_options
def upload(folder: Path, location: str, region_name: str | None, endpoint_url: str | None) -> int:
    """Put a DAG folder into S3, named by its content, and print the URI for --dag-code. Nothing is put there twice."""
    output.results()
    with packed(folder, location) as code:
        output.print_result(code.upload(connect(region_name, endpoint_url)))
    return CLEAN
