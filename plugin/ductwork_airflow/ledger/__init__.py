"""The ledger's client."""

from ductwork_airflow.ledger.items import ItemTooLargeError
from ductwork_airflow.ledger.ledger import Ledger
from ductwork_airflow.ledger.moments import expiry, ledger_time, moment, now, timestamp
from ductwork_airflow.ledger.table import LedgerError
from ductwork_airflow.ledger.tasks import Move, TaskKey, moved_to
from ductwork_airflow.ledger.values import Item
from ductwork_airflow.ledger.xcoms import decoded

__all__ = [
    "Item",
    "ItemTooLargeError",
    "Ledger",
    "LedgerError",
    "Move",
    "TaskKey",
    "decoded",
    "expiry",
    "ledger_time",
    "moment",
    "moved_to",
    "now",
    "timestamp",
]
