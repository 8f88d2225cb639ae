"""How Step Functions spells AWS's APIs: as the AWS SDK for Java does, which carries the calls out.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

import re
from functools import lru_cache

from ductwork.contracts.service_models import service_id

# Where words begin: before a capital letter after a small one, before the last capital of an acronym that a word
# follows, and after a number.
_BREAKS = (
    (re.compile(r"[^A-Za-z0-9]+"), " "),
    (re.compile(r"([^a-z]{2,})v([0-9]+)"), r"\1 v\2 "),
    (re.compile(r"([^A-Z]{2,})V([0-9]+)"), r"\1 V\2 "),
    (re.compile(r"(?<=[a-z])(?=[A-Z]([a-zA-Z]|[0-9]))"), " "),
    (re.compile(r"([A-Z]+)([A-Z][a-z])"), r"\1 \2"),
    (re.compile(r"([0-9])([a-zA-Z])"), r"\1 \2"),
)
# What the kit names otherwise: https://github.com/aws/aws-sdk-java-v2, customization.config of DynamoDB.
_OTHERWISE = {"NULL": "Nul"}


@lru_cache(maxsize=4096)
def java_name(name: str) -> str:
    """A member of an API: ``DBInstanceIdentifier`` is ``DbInstanceIdentifier``, ``jobName`` is ``JobName``."""
    if name in _OTHERWISE:
        return _OTHERWISE[name]
    for pattern, between in _BREAKS:
        name = pattern.sub(between, name)
    return "".join(word[0].upper() + word[1:].lower() for word in name.split())


def java_exception(shape: str) -> str:
    """What an error is called: ``DBInstanceNotFoundFault`` is ``DbInstanceNotFoundException``."""
    return f"{java_name(shape.removesuffix('Exception').removesuffix('Fault'))}Exception"


def sdk_service(service: str) -> str:
    """What an ARN of the SDK's integrations calls a service.

    :param service: as boto3 names it: ``stepfunctions`` is ``sfn``
    """
    return re.sub("[ -]", "", service_id(service)).lower()


def error_prefix(service: str) -> str:
    """What the names of an SDK integration's errors begin with: ``Sfn`` of ``Sfn.ExecutionDoesNotExistException``."""
    return java_name(service_id(service))
