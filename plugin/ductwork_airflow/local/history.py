"""The ledger that local runs have left, opened for reading without starting anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from ductwork_airflow.aws import Aws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.aws import ACCOUNT, CREDENTIALS, without_users_aws
from ductwork_airflow.local.tables import TableStore

_REGION = "us-east-1"


@contextmanager
def open_ledger(state_file: Path, table: str) -> Iterator[Ledger]:
    """
    :raises StateFileError: the file is damaged
    """
    with without_users_aws(_REGION), mock_aws():
        TableStore(state_file, dynamodb_backends[ACCOUNT][_REGION]).load()
        ledger = Ledger.connect(table, Aws(_REGION, None, CREDENTIALS))
        ledger.create_table()
        yield ledger
