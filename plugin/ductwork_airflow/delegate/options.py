"""What a twin knows about the remote side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.delegate import DelegationError
from ductwork_airflow.hooks import HookSettings

SECTION = "ductwork"
_USUAL_INTERVAL = 5.0  # seconds


@dataclass(frozen=True)
class Options:
    """What ``delegate`` takes.

    :param target: ``stepfunctions`` or ``batch``
    :param engine: with ``stepfunctions``: ``states``, or ``batch`` for one chain of Batch jobs
    :param ledger_table: the ledger's DynamoDB table
    :param role_arn: of the state machine, which is then created and kept up to date; without it, it must exist
    :param places: values of the compiled artefact's ``${Name}`` places
    :param aws_conn_id: this and the next three are the Amazon provider's usual connection arguments
    :param submit_task_id: the task that starts the run
    :param pool: of the twin's tasks; those of the original stay with the remote side
    :param retries: how often a mirror task may lose its process or its triggerer; a remote failure is final at once
    :param poll_interval: seconds between two looks at the run, at least
    :param log_lines: how many of the last lines of the remote log a mirror task shows
    """

    target: str = "stepfunctions"
    engine: str = "states"
    ledger_table: str = "ductwork"
    role_arn: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: JsonObject | None = None
    submit_task_id: str = "ductwork_submit"
    pool: str = "default_pool"
    queue: str = "default"
    retries: int = 3
    poll_interval: float = _USUAL_INTERVAL
    log_lines: int = 1000

    @classmethod
    # Any: each of the type of its field.
    def of(cls, given: Mapping[str, Any]) -> Options:
        """``given``, then Airflow's configuration, then the defaults.

        :raises DelegationError: an option that does not exist
        """
        names = [item.name for item in fields(cls)]
        if unknown := sorted(given.keys() - set(names)):
            raise DelegationError(f"delegate() has no option {', '.join(unknown)}; it has {', '.join(names)}")
        return replace(cls.configured(), **given)

    @classmethod
    def configured(cls) -> Options:
        """From ``[ductwork]`` of Airflow's configuration: ``target``, ``ledger_table``, ``role_arn``, ..."""
        from airflow.configuration import conf

        options: dict[str, Any] = {}
        for name in ("target", "engine", "ledger_table", "role_arn", "aws_conn_id", "region_name"):
            if value := conf.get(SECTION, name, fallback=None):
                options[name] = value
        if interval := conf.get(SECTION, "poll_interval", fallback=None):
            options["poll_interval"] = float(interval)
        if places := conf.get(SECTION, "places", fallback=None):
            options["places"] = json.loads(places)
        return cls(**options)

    @property
    def waiter_delay(self) -> int | None:
        """Seconds between the submit task's looks; None lets the run's own pace decide."""
        return None if self.poll_interval >= _USUAL_INTERVAL else max(1, round(self.poll_interval))

    def connection(self) -> HookSettings:
        """The hook's settings, by the names of the Amazon provider's operators."""
        config = dict(self.botocore_config) if self.botocore_config else None
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": config,
        }
