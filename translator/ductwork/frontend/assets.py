"""The assets that a DAG names: what its tasks read and write, and what it is scheduled on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ductwork import assets
from ductwork.frontend.compat import ASSET, NAME_REF, URI_REF
from ductwork.frontend.plain import has_opaque, plain


def of_dags(dags: Sequence[Any]) -> list[tuple[assets.Asset, ...]]:
    """The assets of each DAG of one file. ``Asset.ref`` means an asset of any of them, the DAG's own before others.

    Of two that share name and URI the last counts, as in Airflow.
    """
    named = [list(_named(dag)) for dag in dags]
    file = _Index(found for names in named for found in names)
    return [_assets(names, file) for names in named]


class _Index:
    """Assets by name and by URI."""

    def __init__(self, named: Iterable[Any]) -> None:
        known = [asset for asset in named if isinstance(asset, ASSET)]
        self.by_name = {asset.name: asset for asset in known}
        self.by_uri = {asset.uri: asset for asset in known}

    def meant(self, ref: Any) -> Any:
        if isinstance(ref, NAME_REF):
            return self.by_name.get(ref.name)
        return self.by_uri.get(ref.uri) if isinstance(ref, URI_REF) else None


def _assets(named: Sequence[Any], file: _Index) -> tuple[assets.Asset, ...]:
    own = _Index(named)
    found = {(asset.name, asset.uri): asset for asset in named if isinstance(asset, ASSET)}
    for ref in named:
        if asset := own.meant(ref) or file.meant(ref):
            found.setdefault((asset.name, asset.uri), asset)
    return tuple(_asset(found[key]) for key in sorted(found))


def _asset(asset: Any) -> assets.Asset:
    extra = plain(asset.extra or {})
    # Airflow does not accept a DAG whose assets hold anything but data.
    return assets.Asset(plain(asset.name), plain(asset.uri), plain(asset.group), {} if has_opaque(extra) else extra)


def _named(dag: Any) -> Iterator[Any]:
    """Assets and references to assets, the schedule's first."""
    yield from _flat(getattr(dag.timetable, "asset_condition", None))
    for task in dag.tasks:
        yield from _flat(task.inlets)
        yield from _flat(task.outlets)


def _flat(value: Any) -> Iterator[Any]:
    """A mapped task keeps a single one as it is; conditions and ``@asset.multi`` hold several in ``objects``."""
    inner = value if isinstance(value, (list, tuple, set)) else getattr(value, "objects", None)
    if inner is None:
        yield value
        return
    for each in inner:
        yield from _flat(each)
