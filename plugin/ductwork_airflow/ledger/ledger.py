"""The ledger: one DynamoDB table that holds runs, task instances, XComs and joins.

Keys, states and ranks are described in :mod:`ductwork.contracts.ledger`. Three rules hold for every call here:

* no call scans the table: each one reads or writes known keys, one partition, or the index ``by_dag``;
* a task instance never moves backwards: every write of its state is conditional on a higher rank;
* timestamps are ISO 8601 in UTC with milliseconds and ``Z``; durations are seconds.
"""

from __future__ import annotations

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger.runs import Runs
from ductwork_airflow.ledger.table import create_table
from ductwork_airflow.ledger.tasks import Tasks
from ductwork_airflow.ledger.xcoms import XComs


class Ledger(Runs, Tasks, XComs):
    """One table. All methods raise :class:`LedgerError` for what a user can mend, botocore's errors otherwise.

    :param table: the table's name
    :param client: a low-level DynamoDB client
    """

    @classmethod
    def connect(cls, table: str, aws: Aws | None = None) -> Ledger:
        """A ledger with a client of its own.

        :param aws: makes the client; without it, boto3's defaults do
        """
        return cls(table, (aws or Aws()).client("dynamodb"))

    def create_table(self) -> bool:
        """Create the table with its index, stream and TTL unless it exists. True if this call created it.

        :raises LedgerError: the table does not become active
        """
        return create_table(self._client, self.table)
