"""Every difference between the supported Airflow versions (3.1 to 3.3) that the front end meets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions._internal.abstractoperator import DEFAULT_QUEUE
from airflow.sdk.definitions.asset import Asset, AssetNameRef, AssetUriRef
from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import TimeRestriction

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator
    from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag

try:
    from airflow._shared.module_loading.file_discovery import find_path_from_directory
except ImportError:  # Airflow 3.1
    from airflow.utils.file import find_path_from_directory

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

__all__ = [
    "ASSET",
    "DEFAULT_QUEUE",
    "NAME_REF",
    "URI_REF",
    "DagBag",
    "core_timetable",
    "due_infos",
    "find_path_from_directory",
    "gives_partition_keys",
    "manual_interval",
    "partition_date",
    "retry_backoff",
]


def retry_backoff(task: BaseOperator) -> float:
    """The factor between retry delays, 0 for none. A flag in Airflow 3.1 (meaning 2), a number since."""
    value = getattr(task, "retry_exponential_backoff", 0)
    return 2.0 if value is True else float(value or 0)


def manual_interval(dag: DAG, logical_date: datetime) -> DataInterval | None:
    """The data interval that the DAG's timetable gives a manual run; None where it has none."""
    # A moment of pendulum's, as Airflow passes it: timetables use its methods.
    return core_timetable(dag.timetable).infer_manual_data_interval(run_after=coerce_datetime(logical_date))


def gives_partition_keys(dag: DAG) -> bool | None:
    """Whether the DAG's timetable gives scheduled runs a partition key; None if no run of the DAG may have one."""
    timetable = core_timetable(dag.timetable)
    if getattr(timetable, "partitioned_at_runtime", False):
        return False
    return True if getattr(timetable, "partitioned", False) else None  # Airflow 3.1 knows no partitions


def partition_date(dag: DAG, key: str) -> datetime | None:
    """The moment that a partition key of the DAG stands for, if it stands for one.

    :raises ValueError: the timetable's keys are of another form
    """
    date: datetime | None = core_timetable(dag.timetable).resolve_partition_date(key)
    return date


def due_infos(dag: DAG, first: datetime, last: datetime) -> Iterator[DagRunInfo]:
    """What the DAG's timetable says of its runs of a time, as a backfill asks it: all of them, in their order.

    :param first: of the logical dates, aware, as is ``last``; both are included
    """
    timetable, earliest, latest = core_timetable(dag.timetable), coerce_datetime(first), coerce_datetime(last)
    if getattr(timetable, "partitioned", False):
        yield from timetable.iter_partition_dagrun_infos(earliest=earliest, latest=latest)
        return
    restriction = TimeRestriction(earliest, latest, catchup=True)
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    while info is not None:
        yield info
        info = timetable.next_dagrun_info(last_automated_data_interval=info.data_interval, restriction=restriction)


def core_timetable(timetable: Timetable) -> Timetable:
    """The scheduler's object for a DAG file's timetable; what it asks is asked of this one."""
    try:
        from airflow.serialization.encoders import coerce_to_core_timetable
    except ImportError:  # Airflow 3.1: the DAG's timetable is the scheduler's
        return timetable
    cls = type(timetable)
    if cls.__name__ == "EventsTimetable" and cls.__module__.startswith("airflow.sdk."):
        # Airflow 3.3 writes less of it than it needs to read it again.
        from airflow.timetables.events import EventsTimetable

        return EventsTimetable(timetable.event_dates, restrict_to_events=timetable.restrict_to_events)
    return coerce_to_core_timetable(timetable)
