"""The bodies of requests, as the supervisor of Airflow's Task SDK sends them: the members that handlers read. And the
event of an asset, which they are written down as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict


class Process(TypedDict):
    """Of ``run`` and of heartbeats: the process that runs the task."""

    hostname: str
    pid: int


class RunToStart(TypedDict, total=False):
    """A run that a task starts. Moments are ISO 8601.

    :ivar conf: a JSON object
    """

    logical_date: str | None
    run_after: str | None
    conf: Mapping[str, object]
    partition_key: str | None
    note: str | None


class AssetKey(TypedDict):
    """What tells one asset from another."""

    name: str
    uri: str


class Outlet(TypedDict, total=False):
    """An asset profile.

    :ivar type: Asset, AssetNameRef, AssetUriRef or AssetAlias
    """

    name: str
    uri: str
    type: str


class OutletEvent(TypedDict, total=False):
    """What a task attached to one of its outlets."""

    dest_asset_key: AssetKey
    source_alias_name: str
    partition_key: str
    extra: Mapping[str, object]


class StateChange(TypedDict, total=False):
    """Of ``state``; which members there are depends on the state. Dates are ISO 8601, durations too."""

    state: str
    end_date: str
    rendered_map_index: str
    task_outlets: Sequence[Outlet]
    outlet_events: Sequence[OutletEvent]
    retry_delay_seconds: float
    classpath: str
    trigger_kwargs: Mapping[str, object] | str
    trigger_timeout: str
    next_method: str
    next_kwargs: Mapping[str, object]
    reschedule_date: str


class EventItem(TypedDict):
    """An asset's event in the ledger.

    :ivar extra: JSON text
    :ivar alias: by which the task has attached it to the asset
    :ivar expires_at: seconds since the epoch
    """

    event_id: int
    name: str
    uri: str
    extra: str
    partition_key: str | None
    timestamp: str
    source_dag_id: str
    source_run_id: str
    source_task_id: str
    source_map_index: int
    alias: str | None
    expires_at: int
