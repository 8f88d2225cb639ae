"""Encryption of what tasks ask to keep and the ledger must not hold in plain text."""

from __future__ import annotations

from airflow.configuration import conf
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ductwork_airflow.ledger import LedgerError


def encrypt(text: str) -> str:
    """A Fernet token, under Airflow's key.

    :raises LedgerError: Airflow has no Fernet key
    """
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text of a Fernet token.

    :raises LedgerError: Airflow has no Fernet key, or another one
    """
    try:
        return _fernet().decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise LedgerError(
            "a value in the ledger was encrypted under another key: give every container and Airflow itself the same "
            "[core] fernet_key (AIRFLOW__CORE__FERNET_KEY)"
        ) from error


def _fernet() -> MultiFernet:
    keys = [key.strip() for key in conf.get("core", "fernet_key", fallback="").split(",") if key.strip()]
    if not keys:
        raise LedgerError(
            "the ledger holds no secret in plain text, and [core] fernet_key (AIRFLOW__CORE__FERNET_KEY) is not set: "
            "set it, the same for every container"
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise LedgerError(f"[core] fernet_key is not a Fernet key: {error}") from error
