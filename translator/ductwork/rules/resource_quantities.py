"""Amounts of memory and processors, as Docker and Kubernetes write them."""

from __future__ import annotations

import math
import re

MIB = 2**20
# A petabyte.
_MOST = 1e15
_DOCKER = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_KUBERNETES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_KUBERNETES |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", start=1)}


def docker_bytes(value: object) -> float:
    """Bytes of a size such as ``512m``, ``1.5g`` or a number.

    :raises ValueError: it is not a size, or one that no container could get
    """
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)b?", str(value).strip().lower())
    if not parts:
        raise ValueError(f"{value!r} is no size such as 512m or 2g")
    return _possible(float(parts[1]) * _DOCKER[parts[2]], value)


def quantity(value: object) -> float:
    """The number that a Kubernetes quantity such as ``500m``, ``1Gi`` or ``2`` stands for.

    :raises ValueError: it is not a quantity, or one that no container could get
    """
    parts = re.fullmatch(r"(\+?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]*)", str(value).strip())
    if not parts or parts[2] not in _KUBERNETES:
        raise ValueError(f"{value!r} is no Kubernetes quantity such as 500m or 1Gi")
    return _possible(float(parts[1]) * _KUBERNETES[parts[2]], value)


def _possible(number: float, value: object) -> float:
    if number > _MOST:
        raise ValueError(f"{value!r} is more than any machine has")
    return number


def mib(size: float) -> int:
    """Whole MiB, rounded up: a container never gets less than was asked for."""
    return math.ceil(size / MIB)
