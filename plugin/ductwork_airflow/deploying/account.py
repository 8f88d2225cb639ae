"""What of an account the shared stack is told when it is made: what exists already, and where jobs may run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from botocore.exceptions import ClientError
from ductwork.contracts import default_names
from ductwork.contracts.default_names import JOB_LOG_GROUP

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import NOT_FOUND, SubmissionError, code

_IS_DEFAULT = [{"Name": "is-default", "Values": ["true"]}]


class _Ec2(Protocol):
    describe_vpcs: Callable[..., Mapping[str, Sequence[Mapping[str, str]]]]
    describe_subnets: Callable[..., Mapping[str, Sequence[Mapping[str, str]]]]


def parameters_of_new_stack(aws: Aws, given: Mapping[str, str]) -> dict[str, str]:
    """The parameters with which the shared stack is made.

    :param given: what the user says; it counts
    :raises SubmissionError: jobs would have no network
    """
    table = given.get("LedgerTableName", default_names.LEDGER_TABLE)
    found = {
        "UseExistingLedger": _text(has_table(aws, table)),
        "UseExistingJobLog": _text(_has_log_group(aws)),
    }
    if given.get("ExistingJobQueueArn"):
        found |= {"VpcId": "", "SubnetIds": ""}
    elif "VpcId" not in given or "SubnetIds" not in given:
        found |= _network(aws.client("ec2"), given.get("VpcId"))
    return {**found, **given}


def has_table(aws: Aws, table: str) -> bool:
    """Whether there is a table of this name."""
    try:
        aws.client("dynamodb").describe_table(TableName=table)
        return True
    except ClientError as error:
        if code(error) == NOT_FOUND:
            return False
        raise


def _text(value: bool) -> str:
    return "true" if value else "false"


def _has_log_group(aws: Aws) -> bool:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=JOB_LOG_GROUP)["logGroups"]
    return any(group["logGroupName"] == JOB_LOG_GROUP for group in groups)


def _network(client: _Ec2, vpc: str | None) -> dict[str, str]:
    """The default VPC, or the one given, and its subnets that give public addresses."""
    if vpc is None:
        vpcs = client.describe_vpcs(Filters=_IS_DEFAULT)["Vpcs"]
        if not vpcs:
            raise SubmissionError(
                "the account has no default VPC: say where jobs run, with --parameter VpcId=vpc-... "
                "--parameter SubnetIds=subnet-...,subnet-..."
            )
        vpc = vpcs[0]["VpcId"]
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "map-public-ip-on-launch", "Values": ["true"]}]
    subnets = sorted(each["SubnetId"] for each in client.describe_subnets(Filters=filters)["Subnets"])
    if not subnets:
        raise SubmissionError(
            f"the VPC {vpc} has no public subnet: name the subnets of the jobs, --parameter SubnetIds=subnet-..., and "
            "set public_ip = false in [ductwork] if they reach AWS by other means"
        )
    return {"VpcId": vpc, "SubnetIds": ",".join(subnets)}
