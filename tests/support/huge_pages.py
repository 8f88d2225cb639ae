"""Memory in huge pages: a fork copies one entry of a page table for two megabytes of it, not five hundred.

Each process of the suite that imports Airflow has some hundred megabytes that those forked from it share, and a worker
forks once more for its task.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

_MAPPINGS = Path("/proc/self/maps")
_SIZE = 1 << 21
_MADV_COLLAPSE = 25  # Linux 6.1: https://man7.org/linux/man-pages/man2/madvise.2.html


def collapse() -> int:
    """Put what this process has in memory by now into huge pages, which takes some tenths of a second.

    :return: how many there are; none where the kernel does not know how, or has no such memory
    """
    if not _MAPPINGS.exists():
        return 0
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return sum(madvise(start, _SIZE, _MADV_COLLAPSE) == 0 for start in _places())


def _places() -> Iterator[int]:
    """Where a huge page would be: in anonymous memory that can be written."""
    for line in _MAPPINGS.read_text().splitlines():
        addresses, mode, _, _, _, *name = line.split(maxsplit=5)
        first, last = (int(address, 16) for address in addresses.split("-"))
        if mode == "rw-p" and name in ([], ["[heap]"]):
            yield from range(-(-first // _SIZE) * _SIZE, last - _SIZE + 1, _SIZE)
