"""Job definitions that a compiled schedule needs, made to exist.

Their names tell their content, so one that exists is the right one, and nothing is ever changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ductwork_airflow.submit.errors import SubmissionError, code, message


def provide(client: Any, definitions: Sequence[Mapping[str, Any]]) -> None:
    """Register those that do not exist.

    :param client: a boto3 Batch client
    :param definitions: RegisterJobDefinition requests
    :raises SubmissionError: AWS does not take one
    """
    for definition in definitions:
        name = definition["jobDefinitionName"]
        try:
            if not client.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]:
                client.register_job_definition(**definition)
        except ClientError as error:
            if code(error) not in {"ClientException", "AccessDeniedException"}:
                raise
            what = f"the job definition {name} is not there, and AWS does not let it be registered: {message(error)}"
            raise SubmissionError(f"{what}; mend the container's settings, or register it before") from error
