"""What a run is started with, the same for every target."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.run_item import RunValues

from ductwork_airflow.aws.errors import SubmissionError


def given(execution_input: str | None) -> dict[str, object]:
    """The values of an execution's input, its conf as the object that it is: one that a person starts, or an earlier
    version has, may hold it as an object, ours hold the JSON text of one."""
    values: dict[str, object] = json.loads(execution_input or "{}")
    if isinstance(conf := values.get("conf"), str):
        # The machine refuses what is no JSON.
        with suppress(ValueError):
            values["conf"] = json.loads(conf)
    return values


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class RunRequest:
    """One run of one DAG.

    :param logical_date: aware, as are the ends of the data interval
    :param run_type: Airflow's: manual, scheduled, backfill, asset_triggered
    :param partition_date: the moment that the partition key stands for, if it stands for one
    :raises SubmissionError: the conf is not what JSON can say
    """

    dag_id: str
    run_id: str
    logical_date: datetime
    data_interval: tuple[datetime, datetime]
    run_type: str = "manual"
    conf: JsonObject = field(default_factory=dict)
    partition_key: str | None = None
    partition_date: datetime | None = None

    def __post_init__(self) -> None:
        try:
            _canonical(self.conf)
        except (TypeError, ValueError) as error:
            raise SubmissionError(f"the conf of run {self.run_id!r} cannot be written as JSON: {error}") from error

    def execution_input(self) -> str:
        """The execution input of a state machine: canonical JSON, so that the same run is the same text."""
        start, end = self.data_interval
        values: dict[str, object] = {
            "run_id": self.run_id,
            "run_type": self.run_type,
            "logical_date": self.logical_date.isoformat(),
            "data_interval_start": start.isoformat(),
            "data_interval_end": end.isoformat(),
        }
        values |= self._partition()
        if self.conf:
            # A text in the text: no expression of a machine may touch it, for JSONata prints numbers with 15 digits.
            values["conf"] = _canonical(self.conf)
        return _canonical(values)

    def run_item(self) -> RunValues:
        """The attributes of the run's item in the ledger."""
        start, end = self.data_interval
        values: RunValues = {
            "run_type": self.run_type,
            "logical_date": self.logical_date.isoformat(),
            "data_interval_start": start.isoformat(),
            "data_interval_end": end.isoformat(),
            "run_after": end.isoformat(),
            "conf": json.dumps(self.conf),
        }
        return cast(RunValues, {**values, **self._partition()})

    def _partition(self) -> dict[str, str]:
        date = self.partition_date.isoformat() if self.partition_date else None
        named = {"partition_key": self.partition_key, "partition_date": date}
        return {name: value for name, value in named.items() if value}

    def placeholders(self, region: str) -> dict[str, str]:
        """What ``${run:NAME}`` stands for in a job chain; the names and forms are Airflow's template variables.

        :param region: the AWS Region that the run is in
        """
        from ductwork.contracts.names import run_hash

        text = self.logical_date.isoformat()
        return {
            "run_id": self.run_id,
            "run_hash": run_hash(self.dag_id, self.run_id),
            "region": region,
            "ds": text[:10],
            "ds_nodash": text[:10].replace("-", ""),
            "ts": text,
            "ts_nodash": text[:19].replace("-", "").replace(":", ""),
        }
