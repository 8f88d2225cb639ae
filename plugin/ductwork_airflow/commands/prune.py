"""``ductwork prune``: the child machines that earlier deployments of a DAG have left."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import CLEAN, aws_errors, connect, location_options


@click.command()
@click.argument("dag_id")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="DAYS",
    help="Leave alone what was deployed, or was needed, within so many days.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@location_options
def prune(
    dag_id: str, older_than: float, dry_run: bool, as_json: bool, region_name: str | None, endpoint_url: str | None
) -> int:
    """Delete child machines of a large DAG that no run and no deployed machine needs any more."""
    from ductwork.contracts.machine_bundle import ROOT_NAME_LIMIT
    from ductwork.contracts.names import state_machine_name

    from ductwork_airflow.submit import old_children

    output.results()
    root = state_machine_name(dag_id, ROOT_NAME_LIMIT)
    with aws_errors():
        client = connect(region_name, endpoint_url).client("stepfunctions")
        found = old_children.find(client, root, datetime.now(timezone.utc), timedelta(days=older_than))
        gone = found.unused if dry_run else old_children.delete(client, root, found.unused)
    for arn in gone:
        output.say(f"{'would delete' if dry_run else 'deleted'} {arn}")
    kept = found.kept + len(found.unused) - len(gone)
    output.say(f"{dag_id}: {len(gone)} child machines {'to delete' if dry_run else 'deleted'}, {kept} kept")
    if as_json:
        output.print_json({"dag_id": dag_id, "deleted": [] if dry_run else gone, "unused": found.unused, "kept": kept})
    return CLEAN
