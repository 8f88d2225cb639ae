"""Jobs that gather others: a Batch job depends on 20 others at most.

Where the transitive reduction leaves more, as many as it takes are gathered, 20 at a time, under a *join*, a job that
does nothing; joins under further ones if they are still too many. A join runs the worker's image, the only one that is
known to be there and to end well; it costs the start of one container on the way. Jobs that depend on the same others
share their joins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ductwork import batch_limits
from ductwork.backends import worker_job
from ductwork.ir import Workflow
from ductwork.names import job_name, short_hash

# Doing nothing takes no longer, and is worth another try on another host.
_SECONDS, _ATTEMPTS = 600, 3


@dataclass(frozen=True)
class Join:
    """
    :param name: of its job, which follows from what it gathers
    :param above: the names of the jobs that it depends on
    """

    name: str
    above: tuple[str, ...]


class Joins:
    """
    :param depends_on: by job name the names of the jobs it is to depend on, however many
    """

    def __init__(self, dag_id: str, depends_on: Mapping[str, Sequence[str]]) -> None:
        self._dag_id = dag_id
        self._made: dict[str, Join] = {}
        self.depends_on: dict[str, tuple[str, ...]] = {}
        self._needed: dict[str, list[Join]] = {}
        for name, above in depends_on.items():
            before = len(self._made)
            self.depends_on[name] = self._gathered(tuple(above))
            self._needed[name] = list(self._made.values())[before:]

    def before(self, name: str) -> Iterator[Join]:
        """The joins whose place is right before a job, in topological order."""
        yield from self._needed[name]

    def _gathered(self, above: tuple[str, ...]) -> tuple[str, ...]:
        most = batch_limits.MAX_DEPENDENCIES
        while len(above) > most:
            joins: list[str] = []
            while above and len(joins) + len(above) > most:
                first, above = above[:most], above[most:]
                joins.append(self._join(first))
            above = (*joins, *above)
        return above

    def _join(self, above: tuple[str, ...]) -> str:
        if len(above) == 1:
            return above[0]
        name = job_name(self._dag_id, f"join-{short_hash(' '.join(above))}")
        self._made.setdefault(name, Join(name, above))
        return name


def request(workflow: Workflow) -> dict[str, Any]:
    """All of SubmitJob but the job's name; see :func:`worker_job.request`."""
    return worker_job.join_request(workflow) | {
        "timeout": {"attemptDurationSeconds": _SECONDS},
        "retryStrategy": {"attempts": _ATTEMPTS},
    }
