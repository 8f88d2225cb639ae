"""``ductwork undeploy``: take stacks of DAGs away, and the one that they share."""

from __future__ import annotations

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import CLEAN, FAILED, aws_errors, connect, location_options

_AGAIN = "give the same command again: what is gone is not looked for"


@click.command()
@click.argument("dag_ids", nargs=-1, metavar="DAG_ID...")
@click.option("--stack", "shared", default="ductwork", show_default=True, help="Name of the shared stack.")
@click.option("--all", "is_all", is_flag=True, help="All DAGs, and the shared stack.")
@click.option("--bucket", metavar="B", help="Bucket for a template that is too large for a request.")
@click.option("--delete-ledger", is_flag=True, help="With --all: the ledger, too, with all runs in it.")
@location_options
def undeploy(
    dag_ids: tuple[str, ...],
    shared: str,
    is_all: bool,
    bucket: str | None,
    delete_ledger: bool,
    region_name: str | None,
    endpoint_url: str | None,
) -> int:
    """Delete the stacks of DAGs. The ledger, and with it what their runs were, stays unless told otherwise.

    What starts runs from outside is kept true to the DAGs that are left.
    """
    if bool(dag_ids) == is_all:
        raise click.UsageError("name the DAGs, or give --all")
    if delete_ledger and not is_all:
        raise click.UsageError("--delete-ledger goes with --all")
    output.results()
    from ductwork_airflow.deploying import removal, requests_stack
    from ductwork_airflow.deploying.deployment import Order, stack_name, without_dags
    from ductwork_airflow.deploying.stack_status import Pace

    done: dict[str, str] = {}
    with aws_errors(hint=f"check credentials, --region and what the caller may do, then {_AGAIN}", again=_AGAIN):
        aws = connect(region_name, endpoint_url)
        dags: dict[str, str | None] = {stack_name(shared, dag_id): dag_id for dag_id in dag_ids}
        if is_all:
            names = removal.stacks_of_dags(aws.client("cloudformation"), shared)
            dags = {name: removal.dag_of(aws, name) for name in names}
        for name in dags:
            removal.refuse_running(aws, name)
        for name, dag_id in dags.items():
            gone = removal.remove_dag(aws, name, output.say, Pace())
            done[name] = "deleted" if gone else "not there"
            if dag_id is not None:
                removal.forget_starts(aws, shared, dag_id)
        if not is_all:
            done |= without_dags(aws, Order(shared, bucket, {}), output.say, Pace())
        else:
            requests = requests_stack.name_of(shared)
            if removal.remove_requests(aws, requests, output.say, Pace()):
                done[requests] = "deleted"
            gone = removal.remove_shared(aws, shared, output.say, Pace(), with_ledger=delete_ledger)
            done[shared] = "deleted" if gone else "not there"
    output.print_json(done)
    return CLEAN if "not there" not in done.values() or is_all else FAILED
