"""What a later process must know of a local run: what it was compiled from, and whether a process still runs it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ductwork.contracts import ledger as schema

from ductwork_airflow.ledger import Ledger, expiry


def remember(ledger: Ledger, dag_id: str, run_id: str, given: Mapping[str, object]) -> None:
    """Keep what a local run was compiled from, for a restart in a later process.

    :param given: the path of the DAG file and the options it was compiled with, as JSON values
    """
    attributes = {"given": json.dumps(given), "expires_at": expiry()}
    ledger.put(schema.run_pk(dag_id, run_id), schema.LOCAL_SK, attributes)


# Any: what a later process compiles the DAG with; options of several types.
def recall(ledger: Ledger, dag_id: str, run_id: str) -> dict[str, Any] | None:
    """What :func:`remember` has kept; None for a run that no local engine has carried out."""
    item = ledger.get(schema.run_pk(dag_id, run_id), schema.LOCAL_SK)
    options: dict[str, object] | None = json.loads(item["given"]) if item else None
    return options


@contextmanager
def exclusive(home: Path, dag_id: str, run_id: str) -> Iterator[bool]:
    """In the block: whether no other process carries the run out; none can begin to while this one is in here.

    :param home: where local runs leave what they leave
    """
    # The operating system lets the lock go, however the process ends.
    with _lock_file(home, dag_id, run_id).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        print(os.getpid(), file=file, flush=True)
        yield True


def runner(home: Path, dag_id: str, run_id: str) -> int | None:
    """The id of the process that carries the run out; 0 while it does not say yet; None if there is none."""
    with _lock_file(home, dag_id, run_id).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            return int(file.read() or 0)
    return None


def _lock_file(home: Path, dag_id: str, run_id: str) -> Path:
    folder = home / "running"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / hashlib.sha256(schema.run_pk(dag_id, run_id).encode()).hexdigest()[:32]
