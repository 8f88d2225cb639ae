"""``ductwork script``: what a container runs whose script is in S3."""

from __future__ import annotations

import os

import click


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--sha256", metavar="HEX", help="What the script's, or the archive's, SHA-256 must be.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[s3://BUCKET/KEY] [ARGUMENT...]")
def script(sha256: str | None, words: tuple[str, ...]) -> int:
    """Fetch a script from S3 and run it with the arguments; the exit code is the script's.

    Without a URI BATCH_FILE_S3_URL names it, and BATCH_FILE_TYPE says whether it is a script or a zip.
    """
    from ductwork_airflow.worker.script import main

    return main(words, os.environ, sha256)
