"""The remote run of one task of Airflow: what it is made of, and how it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.airflow_side.schedule_source import Loaded, Source
from ductwork_airflow.airflow_side.waiting import PATIENCE_SECONDS
from ductwork_airflow.aws.clients import Clients
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.runs.rounds import run_again


class _How(TypedDict):
    """What :func:`lifecycle.submit` and :func:`run_again` are told alike."""

    ledger_table: str
    role_arn: str | None
    state_machine_arn: str | None
    places: Mapping[str, str]
    job_definitions: Sequence[JsonObject]


@dataclass
class Submission:
    """A run that is to be submitted: what, where and with what values.

    :param request_of: the run's request by the remote DAG's id, which only the source may say
    """

    clients: Clients
    source: Source
    request_of: Callable[[str], RunRequest]
    run_id: str
    ledger_table: str
    role_arn: str | None
    places: Mapping[str, str]

    @cached_property
    def _loaded(self) -> Loaded:
        return self.source.load()

    @cached_property
    def handle(self) -> RunHandle:
        """The run's, before anything is known of its execution."""
        return RunHandle(self._loaded.dag_id, self.run_id, self.source.target, self.ledger_table)

    def find(self) -> tuple[RunHandle, RunItem | None]:
        """The run's handle and its item; None for a run that has not been sent."""
        return self.handle, lifecycle.find(self.clients, self.handle, patience=PATIENCE_SECONDS)

    def submit(self) -> RunHandle:
        """Send the run; sending it twice makes no second one.

        :raises SubmissionError: it cannot be sent; the message says why and what to do
        """
        return lifecycle.submit(self.clients, *self._what(), **self._how())

    def run_again(self, ended_at: str) -> RunHandle:
        """Send a run that has ended once more, from its start.

        :param ended_at: of the run as it was found, so that only one caller does so
        """
        return run_again(self.clients, *self._what(), **self._how(), ended_at=ended_at)

    def _what(self) -> tuple[JsonObject, str, RunRequest]:
        dag_id = self._loaded.dag_id
        request = self.request_of(dag_id)
        self.source.check_conf(dag_id, request.conf)
        return self._loaded.document or {}, self.source.target, request

    def _how(self) -> _How:
        return {
            "ledger_table": self.ledger_table,
            "role_arn": self.role_arn,
            "state_machine_arn": self.source.state_machine_arn,
            "places": self.places,
            "job_definitions": self._loaded.job_definitions,
        }
