"""The job queues that a schedule sends its jobs to: looked at before anything is started.

SubmitJob refuses a job whose queue does not exist, or takes no jobs, when that job is to begin: others have run then.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.errors import ACCESS_DENIED, SubmissionError, code
from ductwork_airflow.submit.named_in_jobs import named, shown

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobQueueDetailTypeDef

log = logging.getLogger(__name__)

_AT_ONCE = 100  # of DescribeJobQueues
_MEMBERS = ("jobQueue", "JobQueue")


def require(client: BatchClient, document: JsonObject) -> None:
    """Check that all job queues of a schedule exist and take jobs.

    :param client: a boto3 Batch client
    :param document: a compiled schedule, its places filled
    :raises SubmissionError: a queue does not exist or takes no jobs; names the tasks
    """
    tasks = named(document, _MEMBERS)
    if not tasks:
        return
    try:
        queues = _describe(client, list(tasks))
    except ClientError as error:
        if code(error) != ACCESS_DENIED:
            raise
        log.info("whether the job queues exist is not known: %s", error)
        return
    problems = [
        f"job queue {queue!r} {what} ({shown(users)})"
        for queue, users in tasks.items()
        # An embedded AWS has queues of every Region.
        if (what := _problem(queues.get(queue) or queues.get(queue.rpartition("/")[2])))
    ]
    if problems:
        raise SubmissionError(
            f"nothing was started: in {client.meta.region_name} {'; '.join(problems)}. Create or enable it, or name "
            "another: job_queue in the task's executor_config, --job-queue, job_queue or queues in [ductwork]"
        )


def _problem(queue: JobQueueDetailTypeDef | None) -> str:
    if queue is None:
        return "does not exist"
    if queue.get("state") == "DISABLED":
        return "is disabled"
    return f"is {queue['status']}" if queue.get("status") in {"INVALID", "DELETING", "DELETED"} else ""


def _describe(client: BatchClient, queues: list[str]) -> dict[str, JobQueueDetailTypeDef]:
    """The queues that exist, by name and by ARN."""
    by_name: dict[str, JobQueueDetailTypeDef] = {}
    waiting = iter(queues)
    while part := list(islice(waiting, _AT_ONCE)):
        for queue in client.describe_job_queues(jobQueues=part)["jobQueues"]:
            by_name |= {queue["jobQueueName"]: queue, queue["jobQueueArn"]: queue}
    return by_name
