"""Quotas of an account that deployments and runs meet, against what they want.

Service Quotas is asked for those that can be raised; that of job queues cannot.
"""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import ACCESS_REFUSED, code, message
from ductwork_airflow.deploying.findings import BAD, UNKNOWN, Finding

# https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
_MOST_QUEUES = 50
# vCPUs of Fargate on demand: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
_FARGATE_VCPUS = ("fargate", "L-3032A538")
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_STARTS = ("states", "StartExecution throttle token bucket size")


def job_queues(aws: Aws) -> Iterator[Finding]:
    """Whether the account has room for the queue of a shared stack that is not there yet."""
    pages = aws.client("batch").get_paginator("describe_job_queues").paginate()
    found = sum(len(page["jobQueues"]) for page in pages)
    if found >= _MOST_QUEUES:
        what = f"there are {found} already, and an account has {_MOST_QUEUES} in a Region at the most"
        yield Finding(
            "job queues", BAD, what, "use one of them: ductwork deploy PATH --parameter ExistingJobQueueArn=..."
        )
    else:
        yield Finding("job queues")


def fargate(aws: Aws, wanted: int) -> Iterator[Finding]:
    """Whether Fargate gives the vCPUs that the compute environment may ask for."""
    about, (service, which) = "quota of Fargate", _FARGATE_VCPUS
    try:
        quota = aws.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=which)["Quota"]["Value"]
    except ClientError as error:
        yield _unknown(about, error)
        return
    if wanted > quota:
        yield Finding(about, BAD, f"{quota:g} vCPUs, and jobs may want {wanted}", _raise(service, which, wanted))
        return
    yield Finding(about)


def starts(aws: Aws, machines: int) -> Iterator[Finding]:
    """Whether Step Functions starts so many executions at a moment, as at midnight.

    :param machines: of all DAGs
    """
    about, (service, name) = "quota of StartExecution", _STARTS
    try:
        pages = aws.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode=service)
        quotas = {each["QuotaName"]: each for page in pages for each in page["Quotas"]}
    except ClientError as error:
        yield _unknown(about, error)
        return
    if name not in quotas:
        yield Finding(about, UNKNOWN, f"Service Quotas knows no {name!r}", "see the console")
    elif machines > (most := quotas[name]["Value"]):
        what = f"{most:g} at a moment, and there are {machines} state machines"
        yield Finding(about, BAD, what, _raise(service, quotas[name]["QuotaCode"], machines))
    else:
        yield Finding(about)


def _raise(service: str, which: str, wanted: int) -> str:
    command = "aws service-quotas request-service-quota-increase"
    return f"{command} --service-code {service} --quota-code {which} --desired-value {wanted}"


def _unknown(about: str, error: ClientError) -> Finding:
    if code(error) in ACCESS_REFUSED:
        raise error
    return Finding(about, UNKNOWN, f"Service Quotas does not say: {message(error)}", "see the console")
