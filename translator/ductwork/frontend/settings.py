"""Deployment values from Airflow's configuration: section ``[ductwork]``, environment ``AIRFLOW__DUCTWORK__...``."""

from __future__ import annotations

from typing import Any


def configured() -> dict[str, str]:
    """The ``[ductwork]`` section, empty values left out."""
    from airflow.configuration import conf

    section: dict[str, Any] = conf.getsection("ductwork") or {}
    return {key: str(value) for key, value in section.items() if value not in (None, "")}
