"""Job definitions that a compiled schedule needs: those that come with it are made to exist, the others must.

The names of those that come with it are hashes of their content, so one that exists is the right one, and none is ever
changed. Of the others SubmitJob would say that they are missing when the job is to begin: others have run then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.errors import ACCESS_DENIED, BATCH_REFUSED, SubmissionError, code, message
from ductwork_airflow.submit.named_in_jobs import named, shown

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef, RegisterJobDefinitionRequestTypeDef

log = logging.getLogger(__name__)

_AT_ONCE = 100  # of DescribeJobDefinitions
_MEMBERS = ("jobDefinition", "JobDefinition")


def provide(client: BatchClient, definitions: Sequence[JsonObject]) -> None:
    """Register those that do not exist.

    :param client: a boto3 Batch client
    :param definitions: RegisterJobDefinition requests
    :raises SubmissionError: AWS does not take one
    """
    for definition in definitions:
        name = str(definition["jobDefinitionName"])
        try:
            if not client.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]:
                client.register_job_definition(**cast("RegisterJobDefinitionRequestTypeDef", definition))
        except ClientError as error:
            if code(error) not in {BATCH_REFUSED, ACCESS_DENIED}:
                raise
            what = f"the job definition {name} is not there, and AWS does not let it be registered: {message(error)}"
            raise SubmissionError(f"{what}; mend the container's settings, or register it before") from error


def require(client: BatchClient, document: JsonObject) -> None:
    """Check that all job definitions of a schedule are there and active.

    :param client: a boto3 Batch client
    :param document: a compiled schedule, its places filled
    :raises SubmissionError: one is not; names the tasks
    """
    tasks = named(document, _MEMBERS)
    try:
        missing = _missing(client, tasks)
    except ClientError as error:
        if code(error) != ACCESS_DENIED:
            raise
        log.info("whether the job definitions exist is not known: %s", error)
        return
    if missing:
        problems = "; ".join(
            f"there is no active job definition {name!r} ({shown(users)})"
            for name, users in tasks.items()
            if name in missing
        )
        raise SubmissionError(
            f"nothing was started: in {client.meta.region_name} {problems}. Register it, or name another: "
            "job_definition in the operator or in the task's executor_config, --job-definition, job_definition in "
            "[ductwork]"
        )


def _missing(client: BatchClient, names: Iterable[str]) -> set[str]:
    """Those of ``names`` that no active job definition has; ``name``, ``name:revision`` or ARN."""
    missing = set(names)
    revisions = iter(sorted(name for name in missing if _parts(name)[1]))
    while part := list(islice(revisions, _AT_ONCE)):
        found = client.describe_job_definitions(jobDefinitions=part)["jobDefinitions"]
        missing -= {name for each in found if each.get("status") == "ACTIVE" for name in _names(each)}
    for name in sorted(missing):
        plain, revision = _parts(name)
        pages = client.get_paginator("describe_job_definitions").paginate(jobDefinitionName=plain, status="ACTIVE")
        if any(revision in {"", str(each["revision"])} for page in pages for each in page["jobDefinitions"]):
            missing.remove(name)
    return missing


def _parts(name: str) -> tuple[str, str]:
    """The name and the revision, which may be empty."""
    plain, _, revision = name.rpartition("/")[2].partition(":")
    return plain, revision


def _names(definition: JobDefinitionTypeDef) -> tuple[str, str]:
    return f"{definition['jobDefinitionName']}:{definition['revision']}", definition["jobDefinitionArn"]
