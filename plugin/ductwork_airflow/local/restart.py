"""``ductwork restart --local``: a run that an earlier process has carried out goes on in this one.

The ledger is all that is left of it. Its state machine, queues and job definitions are made again from the DAG file.
"""

from __future__ import annotations

from ductwork.contracts.run_item import RunItem

from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local import origins
from ductwork_airflow.local.provision import PLACES
from ductwork_airflow.local.run import LocalRun, Show, carry_out, home
from ductwork_airflow.local.stop import DEAD
from ductwork_airflow.mirror import end_tasks
from ductwork_airflow.reporting import report
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.runs.restart import Again


class StillRunningError(RuntimeError):
    """Another process carries the run out now."""


def restart(aws: EmbeddedAws, ledger: Ledger, run: LocalRun, wanted: Again, show: Show) -> report.RunReport | None:
    """Restart a run and watch it to its end.

    :param run: compiled again; of its request only the ids count, the rest is in the ledger
    :param wanted: arguments of :func:`ductwork_airflow.runs.lifecycle.restart`
    :raises StillRunningError: it has not ended
    :raises SubmissionError: there is no such task, or nothing to do
    """
    names = (run.request.dag_id, run.request.run_id)
    with origins.exclusive(home(), *names) as free:
        if not free:
            raise StillRunningError
        _end_if_dead(ledger, ledger.run(*names) or {})

        def begin() -> RunHandle:
            if run.target != "batch":
                lifecycle.deploy(
                    aws.aws, run.document, names[0], ledger_table=ledger.table, role_arn=ROLE_ARN, places=PLACES
                )
            item = ledger.run(*names) or {}
            handle = RunHandle(*names, run.target, ledger.table, item.get("execution_arn"))
            handle = lifecycle.restart(aws.aws, handle, **wanted)
            origins.remember(ledger, *names, run.given)
            return handle

        return carry_out(aws, ledger, run, begin, show)


def _end_if_dead(ledger: Ledger, run: RunItem) -> None:
    if "ended_at" not in run and not run.get("restart"):
        end_tasks.end_all(ledger, run, ledger.tasks(run["dag_id"], run["run_id"]), DEAD)
