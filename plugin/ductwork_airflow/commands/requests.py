"""``ductwork requests``: a template of what starts runs from outside."""

from __future__ import annotations

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import CLEAN

_PARTS = ("api", "table", "notices")


@click.command()
@click.argument("machines", nargs=-1, required=True, metavar="DAG_ID=STATE_MACHINE_ARN...")
@click.option(
    "--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Only this, or these. By default all three."
)
@click.option(
    "--auth", type=click.Choice(["iam", "api-key"]), default="iam", show_default=True, help="Who may call the API."
)
def requests(machines: tuple[str, ...], parts: tuple[str, ...], auth: str) -> int:
    """Print a CloudFormation template: a REST API, a table of requests, notices of the ends of runs."""
    output.results()
    from ductwork.cloudformation.starting.template import template

    named = dict(each.partition("=")[::2] for each in machines)
    if bad := [dag_id for dag_id, arn in named.items() if not dag_id or not arn.startswith("arn:")]:
        raise click.UsageError(f"{bad[0]!r} is not DAG_ID=STATE_MACHINE_ARN")
    output.print_json(template(named, frozenset(parts or _PARTS), "iam" if auth == "iam" else "api-key"))
    return CLEAN
