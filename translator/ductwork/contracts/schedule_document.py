"""The schedule document: what the back end that writes it and the import that reads it both know.

It is the input of schedulers that keep one JSON document per schedule in a table, submit its jobs to AWS Batch in the
order of ``jobList``, and look at all of them every ``wait_time`` seconds. What a run adds (``scheduleStatus``,
``startDateTime``, ``lastDateTime``, ``jobStatus``, ``jobId``) is part of the same document, in the run's own copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# DynamoDB once refused empty texts, so a blank stands for "nothing" in these documents.
BLANK = " "
# BatchOperator's own poll_interval, seconds.
DEFAULT_WAIT_TIME = 30

REQUIRED = ("scheduleId", "jobList")
KEYS = (*REQUIRED, "category", "scheduleName", "scheduleSnsTopic", "wait_time")
RUN_KEYS = ("scheduleStatus", "startDateTime", "lastDateTime")
JOB_REQUIRED = ("jobName", "jobDefinition", "jobQueue")
JOB_KEYS = (*JOB_REQUIRED, "jobDependencies", "containerOverrides", "parameters")
JOB_RUN_KEYS = ("jobStatus", "jobId")
# A job so marked is passed over when its run is restarted.
PASSED_OVER = {"PASS", "SKIP"}


@dataclass(frozen=True)
class Job:
    """One job of a schedule document.

    :param name: its name in AWS Batch, by which other jobs of the document name it
    :param dependencies: names of jobs that must succeed first
    :param overrides: SubmitJob's ``containerOverrides``; likewise ``parameters``
    """

    name: str
    definition: str
    queue: str
    dependencies: tuple[str, ...] = ()
    overrides: Mapping[str, object] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """The job as one entry of ``jobList``, without the state of a run."""
        return {
            "jobName": self.name,
            "jobDefinition": self.definition,
            "jobQueue": self.queue,
            "jobDependencies": list(self.dependencies),
            "containerOverrides": self.overrides,
            "parameters": self.parameters,
            "jobStatus": BLANK,
            "jobId": BLANK,
        }


@dataclass(frozen=True)
class Schedule:
    """A schedule document.

    :param category: what it is grouped under; empty for nothing, as with ``topic``
    :param title: for people; ``scheduleName`` in the document
    :param topic: ARN of the SNS topic that hears of a run's end
    :param wait_time: seconds between two looks at the jobs
    :param jobs: what the back end writes is in topological order
    """

    schedule_id: str
    jobs: tuple[Job, ...]
    category: str = ""
    title: str = ""
    topic: str = ""
    wait_time: int = DEFAULT_WAIT_TIME

    def document(self) -> dict[str, object]:
        """The whole document as plain JSON data, without the state of a run."""
        return {
            "scheduleId": self.schedule_id,
            "category": self.category or BLANK,
            "scheduleName": self.title or self.schedule_id,
            "scheduleSnsTopic": self.topic or BLANK,
            "wait_time": self.wait_time,
            "jobList": [job.document() for job in self.jobs],
        }
