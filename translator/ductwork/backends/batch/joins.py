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

from ductwork.backends import worker_job
from ductwork.contracts import batch_limits
from ductwork.contracts.names import job_name, short_hash
from ductwork.ir import Workflow

# Doing nothing takes no longer, and is worth another try on another host.
_SECONDS, _ATTEMPTS = 600, 3
_NONE: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Join:
    """A job without a task that gathers others, because a job has at most 20 dependencies.

    :param name: of its job, which follows from what it gathers
    :param above: the names of the jobs that it depends on
    """

    name: str
    above: tuple[str, ...]


class Joins:
    """The joins that a chain needs, and what its jobs then depend on.

    :param depends_on: by job name the names of the jobs it is to depend on, however many
    :param one_by_one: of these the arrays that it depends on child by child, which a join would wait for as a whole
    """

    def __init__(
        self, dag_id: str, depends_on: Mapping[str, Sequence[str]], one_by_one: Mapping[str, Sequence[str]] = _NONE
    ) -> None:
        self._dag_id = dag_id
        self._made: dict[str, Join] = {}
        self.depends_on: dict[str, tuple[str, ...]] = {}
        self._needed: dict[str, list[Join]] = {}
        for name, above in depends_on.items():
            before = len(self._made)
            kept = one_by_one.get(name, ())
            gathered = self._gathered(tuple(up for up in above if up not in kept), room(kept))
            self.depends_on[name] = (*gathered, *kept)
            self._needed[name] = list(self._made.values())[before:]

    def before(self, name: str) -> Iterator[Join]:
        """The joins whose place is right before a job, in topological order."""
        yield from self._needed[name]

    def _gathered(self, above: tuple[str, ...], most: int) -> tuple[str, ...]:
        """The jobs that a job depends on in place of many: joins, and what needs none.

        :param most: how many a job may have
        """
        while len(above) > most:
            joins: list[str] = []
            while above and len(joins) + len(above) > most:
                first, above = above[: batch_limits.MAX_DEPENDENCIES], above[batch_limits.MAX_DEPENDENCIES :]
                joins.append(self._join(first))
            above = (*joins, *above)
        return above

    def _join(self, above: tuple[str, ...]) -> str:
        if len(above) == 1:
            return above[0]
        name = job_name(self._dag_id, f"join-{short_hash(' '.join(above))}")
        self._made.setdefault(name, Join(name, above))
        return name


def room(kept: Sequence[str]) -> int:
    """How many jobs one may depend on besides those that no join can gather; see :func:`fits`."""
    return max(batch_limits.MAX_DEPENDENCIES - len(kept), 1)


def fits(above: Sequence[str], kept: Sequence[str]) -> bool:
    """Whether a job has no more dependencies than Batch allows, once joins gather what they can.

    :param above: the jobs that a job is to depend on
    :param kept: of these those that no join can gather
    """
    return len(kept) + (len(above) > len(kept)) <= batch_limits.MAX_DEPENDENCIES


# Any: see worker_job.
def request(workflow: Workflow) -> dict[str, Any]:
    """All of SubmitJob but the job's name; see :func:`worker_job.request`."""
    return worker_job.join_request(workflow) | {
        "timeout": {"attemptDurationSeconds": _SECONDS},
        "retryStrategy": {"attempts": _ATTEMPTS},
    }
