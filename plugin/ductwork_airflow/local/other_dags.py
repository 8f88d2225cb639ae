"""The DAGs of which a local run starts runs: their machines are made, and their runs go on to their end here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ductwork.ir import Workflow

from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.provision import PLACES, Definitions, provide
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class OtherDag:
    """A DAG of which runs are started here.

    :param document: a state machine
    """

    workflow: Workflow
    document: Mapping[str, object]


def deploy(aws: EmbeddedAws, ledger: Ledger, dags: Sequence[OtherDag], definitions: Definitions) -> dict[str, str]:
    """Make the machines of the DAGs; their ARNs by the DAGs' ids."""
    machines = {}
    for dag in dags:
        provide(aws, dag.workflow, definitions)
        dag_id = dag.workflow.dag_id
        machines[dag_id] = lifecycle.deploy(
            aws.aws, dag.document, dag_id, ledger_table=ledger.table, role_arn=ROLE_ARN, places=PLACES
        )
    return machines


def see_through(aws: EmbeddedAws, machines: Mapping[str, str]) -> None:
    """Wait for the ends of all runs that have been started; nothing goes on after this process."""
    while running := [execution for arn in machines.values() for execution in _running(aws, arn)]:
        aws.wait(running[0], _LOOK_SECONDS)


def stop(aws: EmbeddedAws, ledger: Ledger, machines: Mapping[str, str]) -> None:
    """Stop the runs that have been started and go on."""
    for dag_id, arn in machines.items():
        running = set(_running(aws, arn))
        for run in list(ledger.runs(dag_id)):
            if (execution := run.get("execution_arn")) in running:
                handle = RunHandle(dag_id, run["run_id"], "stepfunctions", ledger.table, execution)
                lifecycle.watcher(aws.aws, handle).stop("interrupted")


def _running(aws: EmbeddedAws, arn: str) -> list[str]:
    plain = ":".join(arn.split(":")[:7])  # without the version
    pages = aws.aws.client("stepfunctions").get_paginator("list_executions")
    found = pages.paginate(stateMachineArn=plain, statusFilter="RUNNING")
    return [execution["executionArn"] for page in found for execution in page["executions"]]
