"""Deployment values from Airflow's configuration: section ``[ductwork]``, environment ``AIRFLOW__DUCTWORK__...``."""

from __future__ import annotations

import os

from ductwork.ir.map_length import MAX_MAP_LENGTH

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
    """How many items a return value may have at the most that something is expanded over."""
    from airflow.configuration import conf

    return int(conf.getint("core", "max_map_length", fallback=MAX_MAP_LENGTH))


def default_zone() -> str:
    """The time zone in which Airflow reads moments without one.

    Empty if it is the machine's own, which a container does not have.
    """
    from airflow.configuration import conf
    from airflow.settings import TIMEZONE

    return "" if conf.get("core", "default_timezone") == "system" else str(getattr(TIMEZONE, "name", ""))


def configured() -> dict[str, str]:
    """The ``[ductwork]`` section as far as it is about deployment, without empty values."""
    from airflow.configuration import conf

    # The section as a whole has numbers made of all that looks like one: 007 would be 7.
    names = conf.getsection("ductwork") or {}
    section: dict[str, object] = {name: conf.get("ductwork", name, fallback="") for name in names}
    # Airflow does not know a section that exists only as environment variables.
    for name in sorted(os.environ):
        if name.startswith(_ENVIRONMENT):
            section.setdefault(name.removeprefix(_ENVIRONMENT).lower(), os.environ[name])
    return {key: str(value) for key, value in section.items() if value not in (None, "") and key not in _OF_THE_PLUGIN}
