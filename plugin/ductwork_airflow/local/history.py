"""The ledger that local runs have left, opened without starting anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.embedded_aws.services import ACCOUNT, CREDENTIALS, without_users_aws
from ductwork_airflow.embedded_aws.tables import TableStore
from ductwork_airflow.ledger import Ledger

_REGION = "us-east-1"


@contextmanager
def open_ledger(state_file: Path, table: str, *, keep: bool = False) -> Iterator[Ledger]:
    """The local ledger between runs.

    :param keep: write what is changed in the block back to the file
    :raises StateFileError: the file is damaged
    """
    with without_users_aws(_REGION), mock_aws():
        store = TableStore(state_file, dynamodb_backends[ACCOUNT][_REGION])
        store.load()
        ledger = Ledger.connect(table, Aws(_REGION, None, CREDENTIALS))
        ledger.create_table()
        yield ledger
        if keep:
            store.save()
