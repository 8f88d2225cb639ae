"""What the verbs that carry a run out on the embedded AWS share: ``run --local`` and ``restart --local``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ductwork_airflow.commands.base import BadInputError, aws_errors, readable_state, refuse
from ductwork_airflow.commands.watch import finish

if TYPE_CHECKING:
    from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
    from ductwork_airflow.embedded_aws.services import EmbeddedAws
    from ductwork_airflow.local.run import LocalRun
    from ductwork_airflow.reporting.report import RunReport


class StoppedError(BadInputError):
    """The run was interrupted; a diagnostic says so."""

    exit_code = 130


@contextmanager
def embedded(pool: WorkerPool, jobs: int, dag_id: str, again: str) -> Iterator[EmbeddedAws]:
    """The embedded AWS, with the user's ledger file.

    :param jobs: how many run at once
    :param again: what to do after an interrupt, or once something is mended
    :raises StoppedError: by Ctrl-C or SIGTERM; what was running has been stopped and the ledger's file written
    """
    from ductwork_airflow.embedded_aws.services import EmbeddedAws
    from ductwork_airflow.local.run import log_dir, state_file

    # Who ends the process politely (a CI's time limit, a container's stop) gets what Ctrl-C gets.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        readable_state(),
        aws_errors(hint="see the message; what had started has been stopped", again=again),
        EmbeddedAws(pool=pool, jobs=jobs, log_dir=log_dir(), state_file=state_file()) as aws,
    ):
        try:
            yield aws
        except KeyboardInterrupt:
            aws.save_tables()
            refuse(
                "DW514",
                "the run was interrupted: its jobs have been stopped and it is marked failed",
                again,
                dag_id=dag_id,
            )
            raise StoppedError("") from None


def finish_local(report: RunReport, run: LocalRun, as_json: bool) -> int:
    """Say how a local run ended, and where its ledger and logs are. The exit code."""
    from ductwork_airflow.local.run import log_dir, state_file

    origins = {task.task_id: task.origin for task in run.workflow.tasks}
    return finish(report, origins, as_json, f" (ledger: {state_file()}, logs: {log_dir()})")
