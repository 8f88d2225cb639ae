"""A run of which the ledger knows nothing yet: its execution is about to write its item, or broke before it could.

What carries the run, the execution's own states or the jobs of a chain, is on that item. So nothing is ended here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from ductwork.contracts import error_names
from ductwork.contracts.run_item import RunItem, RunValues

from ductwork_airflow.ledger import expiry
from ductwork_airflow.mirror.poll_pace import BUSY_SECONDS
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle, RunProgress
from ductwork_airflow.run_model.request import given

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef


class UnbegunRun:
    """Stands in for a mirror until there is an item.

    :param handle: of a run that an execution carries
    """

    def __init__(self, connection: Connection, handle: RunHandle) -> None:
        self._aws, self._handle = connection, handle

    def item(self) -> RunItem | None:
        """The run's item, if there will be no other: the execution has ended. Where it broke before its first state
        could write one, it is written here.

        :return: None while the execution goes on
        """
        handle, ledger = self._handle, self._aws.ledger
        if handle.execution_arn is None:
            return None
        execution = self._aws.stepfunctions.describe_execution(executionArn=handle.execution_arn)
        if execution["status"] == "RUNNING":
            return None
        # Only what is read after the execution has ended says what it has written.
        if (run := ledger.run(handle.dag_id, handle.run_id)) is None:
            self._write(execution)
            run = ledger.run(handle.dag_id, handle.run_id)
        return run

    def _write(self, execution: DescribeExecutionOutputTypeDef) -> None:
        values = given(execution.get("input"))
        attributes = cast(RunValues, {name: values[name] for name in values if name not in {"run_id", "conf", "done"}})
        self._aws.ledger.start_run(
            self._handle.dag_id,
            self._handle.run_id,
            **attributes,
            conf=json.dumps(values.get("conf") or {}),
            target="stepfunctions",
            execution_arn=self._handle.execution_arn,
            tasks={},
            expires_at=expiry(),
        )

    def look(self) -> RunProgress:
        """There is nothing to see yet."""
        return RunProgress("running", wait=BUSY_SECONDS)

    def stop(self, reason: str) -> bool:
        """Stop the execution; what it may have begun meanwhile is seen and ended by looks. False if there is none."""
        if self._handle.execution_arn is None:
            return False
        self._aws.stepfunctions.stop_execution(
            executionArn=self._handle.execution_arn, error=error_names.STOPPED, cause=reason
        )
        return True
