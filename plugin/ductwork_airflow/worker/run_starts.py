"""Runs of other DAGs that a task starts: an execution of the other DAG's state machine, in the same account."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError
from ductwork.contracts import names
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.machine_bundle import machine_names

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import EXECUTION_EXISTS, MACHINE_UNKNOWN, SubmissionError, code
from ductwork_airflow.execution_api.other_dags import UnknownDagError
from ductwork_airflow.ledger import Ledger, LedgerError
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle

# The first state of a machine writes the run's item.
_PATIENCE_SECONDS, _LOOK_SECONDS = 60.0, 0.2


@dataclass(frozen=True)
class MachineStarts:
    """By Step Functions; see :class:`ductwork_airflow.execution_api.run_starts.RunStarts`."""

    aws: Aws
    ledger: Ledger

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG has a state machine."""
        return self._machine(dag_id) is not None

    def start(self, dag_id: str, run_id: str, values: JsonObject) -> bool:
        """Start an execution that makes the run; False if there is a run of this id."""
        if self.ledger.run(dag_id, run_id) is not None:
            return False
        # As whoever starts runs writes it: no expression of a machine may touch the numbers of the conf.
        conf = values.get("conf")
        given = {**values, "conf": _text(conf)} if conf else values
        if not self._started(dag_id, names.execution_name(dag_id, run_id), _text(given)):
            return False
        waited_until = time.monotonic() + _PATIENCE_SECONDS
        while self.ledger.run(dag_id, run_id) is None:
            if time.monotonic() > waited_until:
                raise LedgerError(f"run {run_id!r} of DAG {dag_id!r} was started, and is not in the ledger")
            time.sleep(_LOOK_SECONDS)
        return True

    def start_again(self, dag_id: str, run_id: str) -> bool:
        """A further execution, in which nothing is kept."""
        run = self.ledger.run(dag_id, run_id)
        if run is None:
            raise UnknownDagError("the ledger has no such run")
        if "ended_at" not in run:
            return False
        handle = RunHandle(dag_id, run_id, "stepfunctions", self.ledger.table, run.get("execution_arn"))
        try:
            lifecycle.restart(self.aws, handle, sorted(run.get("tasks") or {}), only=True)
        except SubmissionError as error:
            raise UnknownDagError(str(error)) from error
        return True

    def _machine(self, dag_id: str) -> str | None:
        """The name of the DAG's machine, which is shorter where it has child machines."""
        client = self.aws.client("stepfunctions")
        for name in machine_names(dag_id):
            try:
                client.describe_state_machine(stateMachineArn=self._arn(name))
            except ClientError as error:
                if code(error) != MACHINE_UNKNOWN:
                    raise
            else:
                return name
        return None

    def _started(self, dag_id: str, name: str, text: str) -> bool:
        client = self.aws.client("stepfunctions")
        for machine in machine_names(dag_id):
            try:
                client.start_execution(stateMachineArn=self._arn(machine), name=name, input=text)
            except ClientError as error:
                if code(error) == EXECUTION_EXISTS:
                    return False
                if code(error) != MACHINE_UNKNOWN:
                    raise
            else:
                return True
        raise UnknownDagError(f"there is no state machine {machine_names(dag_id)[0]}; deploy the DAG")

    def _arn(self, name: str) -> str:
        caller = self.aws.client("sts").get_caller_identity()["Arn"]
        _, partition, _, _, account, _ = caller.split(":", 5)
        region = self.aws.client("stepfunctions").meta.region_name
        return f"arn:{partition}:states:{region}:{account}:stateMachine:{name}"


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
