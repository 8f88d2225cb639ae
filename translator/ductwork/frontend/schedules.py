"""What a DAG says about when it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ductwork.diagnostics import guard
from ductwork.frontend import timetables
from ductwork.frontend.assets import flat
from ductwork.frontend.compat import gives_partition_keys, manual_interval
from ductwork.frontend.held import held
from ductwork.frontend.plain import dotted_name, plain
from ductwork.ir.snapshot import DATA_INTERVAL, PARTITION_KEY
from ductwork.ir.timetable import Timetable as Data
from ductwork.ir.timetable import Unknown

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.timetables.base import Timetable


def told(dag: DAG) -> str:
    """The schedule in words, ``catchup``, and the dates between which it holds; empty if only people start the DAG."""
    if dag.schedule is None or dotted_name(type(dag.timetable)).endswith(".simple.NullTimetable"):
        return ""
    return ", ".join([_schedule(dag.schedule, dag.timetable), *_bounds(dag)])


def _bounds(dag: DAG) -> Iterator[str]:
    if dag.catchup:
        yield "catchup=True"
    for name in ("start_date", "end_date"):
        if (moment := getattr(dag, name) or dag.default_args.get(name)) is not None:
            yield f"{name}={str(plain(moment)).removesuffix('T00:00:00+00:00')}"


def _schedule(schedule: Any, timetable: Timetable) -> str:
    if isinstance(schedule, str):
        return f"schedule={plain(schedule)!r}"
    if isinstance(schedule, timedelta):
        return f"schedule={schedule!r}"
    cls = type(timetable)
    # Airflow loads a DAG file as a module whose name it makes up.
    name = cls.__name__ if cls.__module__.startswith(("airflow.", "unusual_prefix_")) else dotted_name(cls)
    assets = sorted(
        {str(plain(held(each, "name") or held(each, "uri"))) for each in flat(held(timetable, "asset_condition"))}
        - {"None"}
    )
    parts = [f"updates of the assets {', '.join(assets)}"] if assets else []
    if not name.startswith(("AssetTriggered", "PartitionedAsset")):
        parts += [" ".join([f"timetable {name}", *_times(timetable)])]
    return " or ".join(parts)


def _times(timetable: Timetable) -> Iterator[str]:
    """Cron expressions; ``airflow.sdk`` and ``airflow.timetables`` name them differently."""
    inner = [
        timetable,
        held(timetable, "timetable"),
        *(held(timetable, "timetables") or held(timetable, "_timetables") or ()),
    ]
    for each in inner:
        expression = held(each, "expression") or held(each, "_expression")
        if isinstance(expression, str):
            yield repr(plain(expression))


def has_interval(dag: DAG) -> bool:
    """Whether the DAG's timetable gives runs intervals longer than a moment.

    :raises BaseException: what an author's timetable raises
    """
    interval = manual_interval(dag, datetime(2026, 1, 5, 6, 7, tzinfo=timezone.utc))
    return interval is not None and interval.start != interval.end


def asked(dag: DAG) -> tuple[dict[str, bool], str]:
    """``(settings, why)``: what the DAG's timetable gives its runs, as settings of the DAG; or why it cannot say.

    A timetable may read what only the scheduler's machine has.
    """
    try:
        settings = {DATA_INTERVAL: True} if has_interval(dag) else {}
        keys = gives_partition_keys(dag)
        return settings | ({} if keys is None else {PARTITION_KEY: keys}), ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- an author's timetable may raise anything
        return {}, _cannot_be_asked(error)


def read(dag: DAG) -> Data | None:
    """The DAG's timetable as data; None for a DAG that only people start."""
    try:
        return timetables.of_dag(dag)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- an author's timetable may raise anything
        return Data(Unknown(_cannot_be_asked(error)))


def _cannot_be_asked(error: BaseException) -> str:
    place = guard.authors_place(error.__traceback__)
    return f"The timetable cannot be asked here: {guard.said(error)}" + (f" ({place})" if place else "")
