"""The execution that submits the jobs of a chain, as the chain's mirror sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ductwork_airflow.ledger import Item
from ductwork_airflow.mirror.adoption import Adoption
from ductwork_airflow.mirror.connection import Connection

# How the machine says that the run has failed, or that it does not know.
_OWN_FAILURES = frozenset({"Ductwork.RunFailed", "Ductwork.RunNotSettled"})


def submitted_by_machine(run: Item) -> bool:
    """Whether an execution has submitted a chain's jobs. In a restart, the restarting process does."""
    return bool(run.get("execution_arn")) and not run.get("restarts")


class Submitter:
    """
    :param run: the item of such a run
    """

    def __init__(self, aws: Connection, run: Item) -> None:
        self._aws, self._adoption = aws, Adoption(aws, run)

    def follow(self, run: Item) -> Item:
        """Claim what the execution has submitted. If it has broken, its jobs are to be stopped: the run's item says so.

        :return: the run's item then
        """
        # Before its history: of an execution that has ended, that is then the whole.
        execution = self._describe(run)
        over = execution["status"] != "RUNNING"
        if not execution.get("forgotten"):
            self._adoption.take_in(final=over)
        if over and not run.get("stopping") and self._has_broken(run, execution):
            why = ": ".join(filter(None, (execution["status"], execution.get("error"), execution.get("cause"))))
            changes = {"stopping": why}
            if self._aws.ledger.update(run["pk"], run["sk"], changes, condition="attribute_not_exists(ended_at)"):
                return {**run, **changes}
        return run

    def _describe(self, run: Item) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._aws.stepfunctions.describe_execution(executionArn=run["execution_arn"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return {"status": "AWS no longer knows the execution", "forgotten": True}
        return found

    def _has_broken(self, run: Item, execution: Mapping[str, Any]) -> bool:
        if "finished_at" in run:
            return False
        if execution["status"] != "SUCCEEDED" and execution.get("error") not in _OWN_FAILURES:
            return True
        return not self._adoption.is_complete
