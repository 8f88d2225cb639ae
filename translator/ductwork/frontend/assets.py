"""The assets that a DAG names: what its tasks read and write, and what it is scheduled on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ductwork.frontend.compat import ASSET, NAME_REF, URI_REF
from ductwork.frontend.plain import has_opaque, plain
from ductwork.ir import assets

if TYPE_CHECKING:
    from airflow.sdk import DAG, Asset


def of_dag(dag: DAG, file: Index) -> tuple[assets.Asset, ...]:
    """The assets of a DAG. ``Asset.ref`` means an asset of any DAG of the file, the DAG's own before others.

    Of two that share name and URI the last counts, as in Airflow.
    """
    named = list(_named(dag))
    of_this = Index(named)
    by_key = {(asset.name, asset.uri): asset for asset in named if isinstance(asset, ASSET)}
    for ref in named:
        if asset := of_this.meant(ref) or file.meant(ref):
            by_key.setdefault((asset.name, asset.uri), asset)
    return tuple(_asset(by_key[key]) for key in sorted(by_key))


def named_in(dags: Sequence[DAG]) -> Index:
    """What the DAGs of one file name. DAGs that cannot be read are left out; reading them reports that."""
    named: list[object] = []
    for dag in dags:
        with suppress(Exception):
            named.extend(_named(dag))
    return Index(named)


class Index:
    """Assets by name and by URI."""

    def __init__(self, named: Iterable[object]) -> None:
        whole = [asset for asset in named if isinstance(asset, ASSET)]
        self.by_name = {asset.name: asset for asset in whole}
        self.by_uri = {asset.uri: asset for asset in whole}

    def meant(self, ref: object) -> Asset | None:
        """The asset that an ``Asset.ref()`` means; None if it is not known here, or ``ref`` is no reference."""
        if isinstance(ref, NAME_REF):
            return self.by_name.get(ref.name)
        return self.by_uri.get(ref.uri) if isinstance(ref, URI_REF) else None


def _asset(asset: Asset) -> assets.Asset:
    extra = plain(asset.extra or {})
    # Airflow does not accept a DAG whose assets hold anything but data.
    return assets.Asset(plain(asset.name), plain(asset.uri), plain(asset.group), {} if has_opaque(extra) else extra)


def _named(dag: DAG) -> Iterator[object]:
    """Assets and references to assets, the schedule's first."""
    yield from flat(getattr(dag.timetable, "asset_condition", None))
    for task in dag.tasks:
        yield from flat(task.inlets)
        yield from flat(task.outlets)


def flat(value: object) -> Iterator[object]:
    """Assets and references without what is around them.

    A mapped task keeps a single asset as it is; conditions and ``@asset.multi`` keep several in ``objects``.
    """
    inner = value if isinstance(value, (list, tuple, set)) else getattr(value, "objects", None)
    if inner is None:
        yield value
        return
    for each in inner:
        yield from flat(each)
