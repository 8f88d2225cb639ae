"""The clients of one watcher: made when needed, made anew when their credentials have expired."""

from __future__ import annotations

from typing import Any

from ductwork_airflow.ledger import Ledger
from ductwork_airflow.submit.remote import Clients


class Connection:
    """
    :param table: the ledger's
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients, self._table = clients, table
        self._made: dict[str, Any] = {}

    def renew(self) -> None:
        """Read credentials anew. Clients that keep what they make are told by their own ``renew``, if they have one."""
        self._made.clear()
        if (renew := getattr(self._clients, "renew", None)) is not None:
            renew()

    def client(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self._clients.client(service)
        return self._made[service]

    @property
    def batch(self) -> Any:
        return self.client("batch")

    @property
    def stepfunctions(self) -> Any:
        return self.client("stepfunctions")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self._table, self.client("dynamodb"))
