"""Every difference between the supported Airflow versions (3.1 to 3.3) that the front end meets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk.definitions.asset import Asset, AssetNameRef, AssetUriRef

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag

try:
    # What a timetable of airflow.timetables, as opposed to airflow.sdk, holds.
    from airflow.serialization.definitions.assets import (
        SerializedAsset,
        SerializedAssetNameRef,
        SerializedAssetUriRef,
    )

    ASSET: tuple[Any, ...] = (Asset, SerializedAsset)
    NAME_REF: tuple[Any, ...] = (AssetNameRef, SerializedAssetNameRef)
    URI_REF: tuple[Any, ...] = (AssetUriRef, SerializedAssetUriRef)
except ImportError:  # Airflow 3.1
    ASSET, NAME_REF, URI_REF = (Asset,), (AssetNameRef,), (AssetUriRef,)

__all__ = ["ASSET", "NAME_REF", "URI_REF", "DagBag", "manual_interval", "retry_backoff"]


def retry_backoff(task: Any) -> float:
    """The factor between retry delays, 0 for none. A flag in Airflow 3.1 (meaning 2), a number since."""
    value = getattr(task, "retry_exponential_backoff", 0)
    return 2.0 if value is True else float(value or 0)


def manual_interval(dag: Any, logical_date: datetime) -> Any:
    """The data interval that the DAG's timetable gives a manual run; None where it has none."""
    timetable = dag.timetable
    try:
        from airflow.serialization.encoders import coerce_to_core_timetable
    except ImportError:  # Airflow 3.1: the DAG's timetable is the scheduler's
        return timetable.infer_manual_data_interval(run_after=logical_date)
    return coerce_to_core_timetable(timetable).infer_manual_data_interval(run_after=logical_date)
