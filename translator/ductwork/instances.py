"""Mapped native tasks: the jobs of all instances as one job whose request depends on the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ductwork.ir import BatchJob, PerInstance, Work


def combined(works: Sequence[Work]) -> BatchJob | None:
    """
    :param works: of the instances, in the order of their indexes
    :return: None if they are no jobs, or differ in more than their requests
    """
    found = [work for work in works if isinstance(work, BatchJob)]
    if not found or len(found) < len(works) or len({(job.wait, job.push_job_id) for job in found}) > 1:
        return None
    request = _merged([dict(job.request) for job in found])
    if isinstance(request, PerInstance):
        return None
    return BatchJob(found[0].why, request, wait=found[0].wait, push_job_id=found[0].push_job_id)


def _merged(values: Sequence[Any]) -> Any:
    """One value where all are the same; below that, objects of the same members and lists of the same length."""
    first = values[0]
    if all(value == first and type(value) is type(first) for value in values):
        return first
    if all(isinstance(value, Mapping) and value.keys() == first.keys() for value in values):
        return {key: _merged([value[key] for value in values]) for key in first}
    if all(isinstance(value, list) and len(value) == len(first) for value in values):
        return [_merged(inner) for inner in zip(*values, strict=True)]
    return PerInstance(tuple(values))
