"""Mapped native tasks: the jobs of all instances as one job whose request depends on the index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ductwork.ir import BatchJob, PerInstance, Work

# The definition of a state machine has 1 MB for all its tasks. What differs more is left to an array of workers.
_MOST_CHARACTERS = 200_000


def combined(works: Sequence[Work]) -> BatchJob | None:
    """The jobs of all instances of a mapped task as one job.

    :param works: of the instances, in the order of their indexes
    :return: None if they are no jobs of existing definitions, differ in more than their requests, or in too much of
        these
    """
    found = [job for work in works if (job := work.native_job) is not None]
    alike = len({(job.wait, job.push_job_id, job.poll_interval) for job in found}) == 1
    if len(found) < len(works) or not alike or any(job.container for job in found):
        return None
    request = _merged([dict(job.request) for job in found])
    if isinstance(request, PerInstance) or _size(request) > _MOST_CHARACTERS:
        return None
    return replace(found[0], request=request)


def _merged(values: Sequence[Any]) -> Any:
    """One value where all are the same; objects of the same members and lists of the same length by their parts."""
    first = values[0]
    if all(isinstance(value, Mapping) and value.keys() == first.keys() for value in values):
        return {key: _merged([value[key] for value in values]) for key in first}
    if all(isinstance(value, list) and len(value) == len(first) for value in values):
        return [_merged(inner) for inner in zip(*values, strict=True)]
    # 1 == True, and neither is the other.
    same = all(value == first and type(value) is type(first) for value in values)
    return first if same else PerInstance(tuple(values))


def _size(request: object) -> int:
    """Characters of what differs, about."""
    return sum(len(json.dumps(value, default=str)) for each in _varying(request) for value in each.values)


def spread(job: BatchJob) -> list[BatchJob]:
    """The jobs of all instances; where they are all the same, and of a task that is not mapped, one."""
    number = max((len(value.values) for value in _varying(job.request)), default=None)
    if number is None:
        return [job]
    return [replace(job, request=_of_instance(job.request, index)) for index in range(number)]


def _varying(value: object) -> Iterator[PerInstance]:
    if isinstance(value, PerInstance):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _varying(inner)


def _of_instance(value: Any, index: int) -> Any:
    if isinstance(value, PerInstance):
        return value.values[index]
    if isinstance(value, Mapping):
        return {key: _of_instance(inner, index) for key, inner in value.items()}
    return [_of_instance(inner, index) for inner in value] if isinstance(value, list) else value
