"""Which jobs of a chain a restart submits again, and what they then wait for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ductwork.contracts import batch_limits
from ductwork.planning import partial_order

from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.submit.claims import Job


def among_themselves(jobs: Sequence[Job], again: Collection[str], carried: Collection[str]) -> list[Job]:
    """Some jobs of a chain, each depending on those of them that it came after, through others or not.

    A job without a task gathers others: it is kept if it still gathers two or more for a job that is kept.

    :param jobs: of the whole chain, in topological order
    :param again: the names of those that run a task again
    :param carried: the names of all that run a task
    :raises SubmissionError: a job would depend on more others than Batch allows
    """
    above: dict[str, tuple[str, ...]] = {}
    kept = set(again)
    for job in jobs:
        nearest = (each for up in job.above for each in ((up,) if up in kept else above[up]))
        above[job.name] = tuple(dict.fromkeys(nearest))
        if job.name not in carried and len(above[job.name]) > 1:
            kept.add(job.name)
    fewest = partial_order.Order(
        {name: upstream for name, upstream in above.items() if name in kept}
    ).reduced_upstream()
    needed = set(again)
    for job in reversed(jobs):
        if job.name in needed:
            needed.update(fewest[job.name])
    for name in sorted(needed):
        if len(fewest[name]) > batch_limits.MAX_DEPENDENCIES:
            raise SubmissionError(
                f"the job {name} would depend on {len(fewest[name])} others, and AWS Batch allows "
                f"{batch_limits.MAX_DEPENDENCIES}: restart the tasks between them too (--task, without --only)"
            )
    return [replace(job, above=fewest[job.name]) for job in jobs if job.name in needed]
