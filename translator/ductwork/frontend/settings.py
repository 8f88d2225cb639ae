"""Deployment values from Airflow's configuration: section ``[ductwork]``, environment ``AIRFLOW__DUCTWORK__...``."""

from __future__ import annotations

import os
from typing import Any

_ENVIRONMENT = "AIRFLOW__DUCTWORK__"


def configured() -> dict[str, str]:
    """The ``[ductwork]`` section, empty values left out."""
    from airflow.configuration import conf

    section: dict[str, Any] = dict(conf.getsection("ductwork") or {})
    # Airflow knows no section of which there is nothing but environment variables.
    for name in sorted(os.environ):
        if name.startswith(_ENVIRONMENT):
            section.setdefault(name.removeprefix(_ENVIRONMENT).lower(), os.environ[name])
    return {key: str(value) for key, value in section.items() if value not in (None, "")}
