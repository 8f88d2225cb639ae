"""Airflow's Task Execution API on the ledger: see :mod:`ductwork_airflow.execution_api.transport`."""

from ductwork_airflow.execution_api.session import Deferral, Resumption, Session
from ductwork_airflow.execution_api.transport import LedgerTransport

__all__ = ["Deferral", "LedgerTransport", "Resumption", "Session"]
