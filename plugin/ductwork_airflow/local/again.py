"""``ductwork restart --local``: a run that an earlier process has carried out goes on in this one.

The ledger is all that is left of it. Its state machine, queues and job definitions are made again from the DAG file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork_airflow import report
from ductwork_airflow.ledger import Item, Ledger
from ductwork_airflow.local import origins
from ductwork_airflow.local.aws import ROLE_ARN, EmbeddedAws
from ductwork_airflow.local.provided import PLACES
from ductwork_airflow.local.run import LocalRun, Show, carry_out, home
from ductwork_airflow.mirror import endings
from ductwork_airflow.submit import runs
from ductwork_airflow.submit.remote import RunHandle

_DEAD = "the process that carried the run out has died"


class StillRunningError(RuntimeError):
    """Another process carries the run out now."""


def restart(
    aws: EmbeddedAws, ledger: Ledger, run: LocalRun, wanted: Mapping[str, Any], show: Show
) -> report.RunReport | None:
    """Restart a run and watch it to its end.

    :param run: compiled again; of its request only the ids count, the rest is in the ledger
    :param wanted: arguments of :func:`ductwork_airflow.submit.runs.restart`
    :raises StillRunningError: it has not ended
    :raises SubmissionError: there is no such task, or nothing to do
    """
    names = (run.request.dag_id, run.request.run_id)
    with origins.claimed(home(), *names) as free:
        if not free:
            raise StillRunningError
        _end_if_dead(ledger, ledger.run(*names) or {})

        def begin() -> RunHandle:
            if run.target != "batch":
                runs.deploy(
                    aws.aws, run.document, names[0], ledger_table=ledger.table, role_arn=ROLE_ARN, places=PLACES
                )
            known = ledger.run(*names) or {}
            handle = RunHandle(*names, run.target, ledger.table, known.get("execution_arn"))
            handle = runs.restart(aws.aws, handle, **wanted)
            origins.remember(ledger, *names, run.given)
            return handle

        return carry_out(aws, ledger, run, begin, show)


def _end_if_dead(ledger: Ledger, run: Item) -> None:
    if "ended_at" not in run and not run.get("restart"):
        endings.end_all(ledger, run, ledger.tasks(run["dag_id"], run["run_id"]), _DEAD)
