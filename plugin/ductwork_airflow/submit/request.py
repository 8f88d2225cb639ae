"""What a run is started with, the same for every target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RunRequest:
    """One run of one DAG.

    :param logical_date: aware, as are the ends of the data interval
    :param run_type: Airflow's: manual, scheduled, backfill, asset_triggered
    """

    dag_id: str
    run_id: str
    logical_date: datetime
    data_interval: tuple[datetime, datetime]
    run_type: str = "manual"
    conf: Mapping[str, Any] = field(default_factory=dict)

    def execution_input(self) -> str:
        """The execution input of a state machine: canonical JSON, so that the same run is the same text."""
        start, end = self.data_interval
        values: dict[str, Any] = {
            "run_id": self.run_id,
            "run_type": self.run_type,
            "logical_date": self.logical_date.isoformat(),
            "data_interval_start": start.isoformat(),
            "data_interval_end": end.isoformat(),
        }
        if self.conf:
            values["conf"] = self.conf
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    def run_item(self) -> dict[str, Any]:
        """The attributes of the run's item in the ledger."""
        start, end = self.data_interval
        return {
            "run_type": self.run_type,
            "logical_date": self.logical_date.isoformat(),
            "data_interval_start": start.isoformat(),
            "data_interval_end": end.isoformat(),
            "run_after": end.isoformat(),
            "conf": json.dumps(self.conf),
        }

    def placeholders(self) -> dict[str, str]:
        """What ``${run:NAME}`` stands for in a job chain; the names and forms are Airflow's template variables."""
        from ductwork.names import run_hash

        text = self.logical_date.isoformat()
        return {
            "run_id": self.run_id,
            "run_hash": run_hash(self.dag_id, self.run_id),
            "ds": text[:10],
            "ds_nodash": text[:10].replace("-", ""),
            "ts": text,
            "ts_nodash": text[:19].replace("-", "").replace(":", ""),
        }
