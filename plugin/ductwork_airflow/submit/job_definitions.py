"""Job definitions that a compiled schedule needs, made to exist.

Their names are hashes of their content, so one that exists is the right one, and none is ever changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.errors import ACCESS_DENIED, BATCH_REFUSED, SubmissionError, code, message

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import RegisterJobDefinitionRequestTypeDef


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
