"""Every difference between the supported Airflow versions (3.1 to 3.3) that the front end meets."""

from __future__ import annotations

from typing import Any

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag

__all__ = ["DagBag", "retry_backoff"]


def retry_backoff(task: Any) -> float:
    """The factor between retry delays, 0 for none. A flag in Airflow 3.1 (meaning 2), a number since."""
    value = getattr(task, "retry_exponential_backoff", 0)
    return 2.0 if value is True else float(value or 0)
