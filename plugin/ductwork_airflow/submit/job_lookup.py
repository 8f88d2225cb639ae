"""Jobs by their names, which for those of a run no other jobs of the account have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ductwork_airflow.aws.errors import BATCH_REFUSED, code
from ductwork_airflow.aws.transient_errors import is_throttled

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient


def ids_of(client: BatchClient, queue: str, name: str) -> list[str]:
    """The ids of the jobs of this name, the newest first. JOB_NAME ignores case, and any status filter.

    :param client: a boto3 Batch client
    """
    pages = client.get_paginator("list_jobs").paginate(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}])
    try:
        return [str(job["jobId"]) for page in pages for job in page["jobSummaryList"] if job["jobName"] == name]
    except ClientError as error:
        if code(error) != BATCH_REFUSED or is_throttled(error):
            raise
        return []  # there is no such queue, which is why no job of this name was taken
