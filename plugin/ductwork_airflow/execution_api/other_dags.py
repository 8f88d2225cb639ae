"""What a task may do with other DAGs: start their runs. Who can do that, the API is given."""

from __future__ import annotations

from typing import Protocol

from ductwork.contracts.json_types import JsonObject


class UnknownDagError(LookupError):
    """No state machine of a DAG can be started; the message says why, in one line."""


class RunStarts(Protocol):
    """Who starts runs of other DAGs. Execution API and ledger know of no state machines."""

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG has a state machine."""

    def start(self, dag_id: str, run_id: str, values: JsonObject) -> bool:
        """Start a run, and wait until the ledger has it.

        :param values: of the execution's input
        :return: False if the run exists already
        :raises UnknownDagError: the DAG has no state machine
        """

    def start_again(self, dag_id: str, run_id: str) -> bool:
        """Run all tasks of a run again; False if it has not ended.

        :raises UnknownDagError: the DAG has no state machine
        """
