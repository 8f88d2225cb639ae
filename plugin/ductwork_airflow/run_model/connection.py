"""The clients of one watcher: made when needed, and again when their credentials have expired."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


class Connection:
    """The AWS clients of one run, and its ledger.

    :param table: the ledger's
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients, self._table = clients, table

    def renew(self) -> None:
        """Read credentials again; where ``clients`` keep what they make, their own ``renew`` does so."""
        for made in ("batch", "dynamodb", "ledger", "stepfunctions"):
            self.__dict__.pop(made, None)
        if (renew := getattr(self._clients, "renew", None)) is not None:
            renew()

    @cached_property
    def batch(self) -> BatchClient:
        """A low-level client of AWS Batch."""
        return self._clients.client("batch")

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """A low-level client of DynamoDB."""
        return self._clients.client("dynamodb")

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """A low-level client of Step Functions."""
        return self._clients.client("stepfunctions")

    @cached_property
    def ledger(self) -> Ledger:
        """One for all looks: it remembers what it has found out about the server."""
        return Ledger(self._table, self.dynamodb)
