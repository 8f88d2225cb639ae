"""Expressions: what a template field becomes when it is known only at run time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A constant piece of text."""

    value: str


@dataclass(frozen=True)
class RunValue:
    """A value of the run: ``run_id``, ``ds``, ``ds_nodash``, ``ts`` or ``ts_nodash``, as Airflow renders it.

    In a mapped task group ``map_index`` is the instance's index. ``region`` is the AWS Region that the run is in.
    """

    name: str


@dataclass(frozen=True)
class Concat:
    """Pieces of text, one after another."""

    parts: tuple[Text | RunValue, ...]


Expr = Text | RunValue | Concat


@dataclass(frozen=True)
class PerInstance:
    """A value for each instance of a mapped task, in the order of their indexes: plain data with expressions in it."""

    values: tuple[object, ...]
