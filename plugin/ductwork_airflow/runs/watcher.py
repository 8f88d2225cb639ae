"""A watcher that outlives throttling, expired credentials and lost networks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts import run_item

from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.aws.transient_errors import is_expired, is_transient
from ductwork_airflow.mirror.job_chain import ChainMirror
from ductwork_airflow.mirror.state_machine import MachineMirror
from ductwork_airflow.mirror.unbegun_run import UnbegunRun
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle, RunProgress

log = logging.getLogger(__name__)

_FIRST_FAULT_SECONDS, _LONGEST_FAULT_SECONDS = 5.0, 120.0
_STOP_SECONDS = 60.0
_STOP_LOOK_SECONDS = 0.3

T = TypeVar("T")


class RunWatcher:
    """The :class:`~ductwork_airflow.run_model.handle.Watcher` of both targets.

    :param patience: seconds for which AWS may answer with nothing but transient errors before ``poll`` raises one
    """

    def __init__(self, clients: Clients, handle: RunHandle, *, patience: float = 900.0) -> None:
        self._connection = Connection(clients, handle.ledger_table)
        self._handle = handle
        self._known: ChainMirror | MachineMirror | None = None
        self._patience = patience
        self._faulty_since: float | None = None
        self._fault_wait = _FIRST_FAULT_SECONDS
        self._last = RunProgress("running", wait=1.0)

    @property
    def _mirror(self) -> ChainMirror | MachineMirror | UnbegunRun:
        """By what the run's item says, once there is one: a state machine may submit a chain."""
        if self._known is not None:
            return self._known
        connection, handle = self._connection, self._handle
        if handle.target != "batch":
            unbegun = UnbegunRun(connection, handle)
            run = connection.ledger.run(handle.dag_id, handle.run_id) or unbegun.item()
            if run is None:
                return unbegun
            if not run_item.is_chain(run):
                self._known = MachineMirror(connection, handle)
                return self._known
        self._known = ChainMirror(connection, handle)
        return self._known

    def poll(self) -> RunProgress:
        """Look once and bring the ledger up to date.

        :raises ClientError, BotoCoreError: what waiting does not mend, or what has not passed in ``patience``
        """
        try:
            self._last = self._mirror.look()
        except (ClientError, BotoCoreError) as error:
            return self._forgive(error)
        self._faulty_since, self._fault_wait = None, _FIRST_FAULT_SECONDS
        return self._last

    def stop(self, reason: str) -> None:
        """Stop the run, wait for its workers to end, and end in the ledger what has not ended by itself.

        :raises ClientError, BotoCoreError: what waiting does not mend
        """
        deadline = time.monotonic() + _STOP_SECONDS
        if not self._insist(lambda: self._mirror.stop(reason), deadline):
            return
        while not self._insist(self._mirror.look, deadline).ended and time.monotonic() < deadline:
            time.sleep(_STOP_LOOK_SECONDS)

    def _forgive(self, error: ClientError | BotoCoreError) -> RunProgress:
        moment = time.monotonic()
        self._faulty_since = self._faulty_since or moment
        if not is_transient(error) or moment - self._faulty_since > self._patience:
            raise error
        if is_expired(error):
            self._connection.renew()
        wait, self._fault_wait = self._fault_wait, min(self._fault_wait * 2, _LONGEST_FAULT_SECONDS)
        log.warning("AWS does not answer as it should, looking again in %.0f s: %s", wait, error)
        return replace(self._last, changed=0, wait=max(wait, self._last.wait))

    def _insist(self, call: Callable[[], T], deadline: float) -> T:
        while True:
            try:
                return call()
            except (ClientError, BotoCoreError) as error:
                if not is_transient(error) or time.monotonic() > deadline:
                    raise
                if is_expired(error):
                    self._connection.renew()
                log.warning("stopping the run: %s", error)
                time.sleep(1.0)
