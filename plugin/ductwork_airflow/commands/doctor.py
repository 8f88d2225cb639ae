"""``ductwork doctor``: what is missing on AWS, and what mends it."""

from __future__ import annotations

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import CLEAN, FAILED, aws_errors, connect, location_options


@click.command()
@click.option("--stack", "shared", default="ductwork", show_default=True, help="Name of the shared stack.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@location_options
def doctor(shared: str, as_json: bool, region_name: str | None, endpoint_url: str | None) -> int:
    """Look at what the runs of deployed DAGs need: stacks, ledger, queue, roles, images, quotas. Changes nothing.

    The exit code is 1 if something is missing.
    """
    output.results()
    from ductwork_airflow.deploying import checkup, findings

    with aws_errors(hint="check credentials and --region"):
        found = list(checkup.check(connect(region_name, endpoint_url), shared))
    if as_json:
        output.print_json({"findings": [vars(each) for each in found]})
    else:
        for each in found:
            output.print_result(f"{each.state:8} {each.about}" + (f": {each.what}" if each.what else ""))
            if each.mend:
                output.print_result(f"         {each.mend}")
    return FAILED if any(each.state == findings.BAD for each in found) else CLEAN
