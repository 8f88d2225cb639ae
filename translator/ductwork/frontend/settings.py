"""Deployment values from Airflow's configuration: section ``[ductwork]``, environment ``AIRFLOW__DUCTWORK__...``."""

from __future__ import annotations

import os
from typing import Any

_ENVIRONMENT = "AIRFLOW__DUCTWORK__"
# Of the same section, but read by the plugin.
_OF_THE_PLUGIN = frozenset(
    {
        "aws_conn_id",
        "delegate_dags",
        "delegate_tag",
        "endpoint_url",
        "engine",
        "places",
        "poll_interval",
        "region_name",
        "role_arn",
        "target",
    }
)


def max_map_length() -> int:
    """How many items Airflow lets a return value have that something is expanded over."""
    from airflow.configuration import conf

    return int(conf.getint("core", "max_map_length", fallback=1024))


def configured() -> dict[str, str]:
    """The ``[ductwork]`` section as far as it is about deployment, empty values left out."""
    from airflow.configuration import conf

    section: dict[str, Any] = dict(conf.getsection("ductwork") or {})
    # Airflow knows no section of which there is nothing but environment variables.
    for name in sorted(os.environ):
        if name.startswith(_ENVIRONMENT):
            section.setdefault(name.removeprefix(_ENVIRONMENT).lower(), os.environ[name])
    return {key: str(value) for key, value in section.items() if value not in (None, "") and key not in _OF_THE_PLUGIN}
