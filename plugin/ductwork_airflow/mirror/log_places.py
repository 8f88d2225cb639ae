"""Where the containers of a task's tries have logged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts.default_names import JOB_LOG_GROUP
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.aws.errors import ACCESS_REFUSED, code

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDetailTypeDef, KeyValuesPairTypeDef

    Filters = list[KeyValuesPairTypeDef]

_MOST_TRIES = 20  # that are asked for
_ROUND = re.compile(r"-r\d+$")


@dataclass(frozen=True)
class LogPlace:
    """A log stream of CloudWatch and the group it is in."""

    group: str
    stream: str


def places(batch: BatchClient, item: TaskItem, run_hash: str) -> list[LogPlace]:
    """The places of all tries, the oldest first; what Batch has forgotten is left out.

    The ledger has the stream only of jobs that the watch saw running, and never the group, which a job definition may
    choose. So Batch is asked: one call for a task, and two more if it had several tries, which may be jobs of one name.
    A name that the author has given, other runs have too: of such a job the attempts are all.

    :param run_hash: :func:`ductwork.contracts.names.run_hash` of the run
    """
    if not item.get("job_id"):
        return []
    jobs = batch.describe_jobs(jobs=[item["job_id"]])["jobs"]
    if jobs and had_several_tries(item) and ":" not in item["job_id"] and run_hash in jobs[0]["jobName"]:
        jobs = _tries(batch, jobs[0])
    found = [place for job in jobs for place in of_job(job)]
    if not found and (stream := item.get("log_stream")):
        found = [LogPlace(JOB_LOG_GROUP, stream)]
    return list(dict.fromkeys(found))


def had_several_tries(item: TaskItem) -> bool:
    """Whether a task has been tried more than once."""
    return int(item.get("try_number", 1)) > 1


def _tries(batch: BatchClient, job: JobDetailTypeDef) -> list[JobDetailTypeDef]:
    # A restart of a chain submits jobs of the same name with its number.
    name = f"{_ROUND.sub('', job['jobName'])}*"
    try:
        filters: Filters = [{"name": "JOB_NAME", "values": [name]}]
        listed = batch.list_jobs(jobQueue=job["jobQueue"], filters=filters)["jobSummaryList"]
    except ClientError as error:
        if code(error) not in ACCESS_REFUSED:
            raise
        return [job]  # who may not list jobs sees the last one
    ids = [each["jobId"] for each in listed][:_MOST_TRIES]
    jobs = batch.describe_jobs(jobs=ids)["jobs"] if ids else [job]
    return sorted(jobs, key=lambda each: each.get("createdAt", 0))


def of_job(job: JobDetailTypeDef) -> Iterator[LogPlace]:
    """The places of a job's attempts, the oldest first."""
    container = job.get("container", {})
    configured = container.get("logConfiguration")
    options = configured.get("options") if configured else None
    group = (options or {}).get("awslogs-group", JOB_LOG_GROUP)
    streams = [
        attempt["container"].get("logStreamName") for attempt in job.get("attempts", ()) if "container" in attempt
    ]
    yield from (LogPlace(group, stream) for stream in [*streams, container.get("logStreamName")] if stream)
