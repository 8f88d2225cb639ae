"""A run's item in the ledger, as submitting, watching and restarting read it."""

from __future__ import annotations

from botocore.exceptions import ClientError
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.errors import NOT_FOUND, SubmissionError, code
from ductwork_airflow.ledger import Ledger


def read_run(ledger: Ledger, dag_id: str, run_id: str) -> RunItem | None:
    """A run's item; None if there is no such run.

    :raises SubmissionError: the ledger's table does not exist
    """
    try:
        return ledger.run(dag_id, run_id)
    except ClientError as error:
        if code(error) != NOT_FOUND:
            raise
        raise SubmissionError(
            f"the ledger's table {ledger.table!r} does not exist: create it (ductwork run --create-ledger, or "
            "Ledger.create_table), or name another"
        ) from error


def same_target(run: RunItem, target: str) -> None:
    """Check that a run is on the target that it is asked for.

    :raises SubmissionError: the run is on another target
    """
    if run.get("target", target) != target:
        raise SubmissionError(
            f"run {run['run_id']!r} of DAG {run['dag_id']!r} exists already on target {run['target']!r}. "
            "Choose another run id"
        )
