"""The execution that submits the jobs of a chain, as the chain's mirror sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts import error_names
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.errors import EXECUTION_UNKNOWN, code
from ductwork_airflow.mirror.adopt_jobs import Adoption
from ductwork_airflow.mirror.execution_history import failure
from ductwork_airflow.run_model.connection import Connection

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

_FORGOTTEN = "AWS no longer knows the execution"
# How the machine says that the run has failed, or that it does not know.
_OWN_FAILURES = frozenset({error_names.RUN_FAILED, error_names.RUN_NOT_SETTLED})


def submitted_by_machine(run: RunItem) -> bool:
    """Whether an execution has submitted a chain's jobs. In a restart, the restarting process does."""
    return bool(run.get("execution_arn")) and not run.get("restarts")


class Submitter:
    """Follows the execution that submits a chain's jobs, from one look to the next.

    :param run: the item of such a run
    """

    def __init__(self, aws: Connection, run: RunItem) -> None:
        self._aws, self._adoption = aws, Adoption(aws, run)

    def follow(self, run: RunItem) -> RunItem:
        """Claim what the execution has submitted. If it has broken, its jobs are to be stopped: the run's item says so.

        :return: the run's item then
        """
        # Before its history: of an execution that has ended, that is then the whole.
        execution = self._describe(run)
        over = execution is None or execution["status"] != "RUNNING"
        if execution is not None:
            self._adoption.take_in(final=over)
        if over and not run.get("stopping") and self._has_broken(run, execution):
            why = _FORGOTTEN if execution is None else failure(execution)
            # The execution may have finished the run since its item was read.
            unfinished = "attribute_not_exists(ended_at) AND attribute_not_exists(finished_at)"
            if self._aws.ledger.update(run["pk"], run["sk"], {"stopping": why}, condition=unfinished):
                return {**run, "stopping": why}
        return run

    def _describe(self, run: RunItem) -> DescribeExecutionOutputTypeDef | None:
        """None if AWS has forgotten it."""
        try:
            return self._aws.stepfunctions.describe_execution(executionArn=run["execution_arn"])
        except ClientError as error:
            if code(error) != EXECUTION_UNKNOWN:
                raise
            return None

    def _has_broken(self, run: RunItem, execution: DescribeExecutionOutputTypeDef | None) -> bool:
        if "finished_at" in run:
            return False
        if execution is None or (execution["status"] != "SUCCEEDED" and execution.get("error") not in _OWN_FAILURES):
            return True
        return not self._adoption.is_complete
