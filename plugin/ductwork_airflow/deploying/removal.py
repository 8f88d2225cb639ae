"""Stacks taken away again, with what CloudFormation keeps: old revisions of job definitions, old child machines.

These go first, while the stack still says what they are: so whoever is interrupted finds the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.cloudformation.shared_stack import TABLE
from ductwork.contracts.asset_queue import EVENT_PREFIX
from ductwork.contracts.run_queue import QUEUE_SK, queue_pk

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import NOT_FOUND, SubmissionError, code
from ductwork_airflow.deploying import stack_status
from ductwork_airflow.deploying.services import CloudFormation, StackDetail
from ductwork_airflow.deploying.stack_status import Pace, Tell
from ductwork_airflow.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_stepfunctions import SFNClient

_MACHINE, _DEFINITION = "AWS::StepFunctions::StateMachine", "AWS::Batch::JobDefinition"


def stacks_of_dags(client: CloudFormation, shared: str) -> list[str]:
    """The names of the stacks that take a shared one for theirs, whoever has deployed them."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = client.describe_stacks(**token)
        found += [stack["StackName"] for stack in page["Stacks"] if _takes(stack, shared)]
        if "NextToken" not in page:
            return sorted(found)
        token = {"NextToken": page["NextToken"]}


def _takes(stack: StackDetail, shared: str) -> bool:
    is_there = stack["StackStatus"] != "DELETE_COMPLETE"
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    return is_there and {"SharedStack", "MachineName"} <= parameters.keys() and parameters["SharedStack"] == shared


def refuse_running(aws: Aws, name: str) -> None:
    """Find out that nothing runs of a DAG's stack, before anything is deleted.

    :raises SubmissionError: a run goes on
    """
    client = aws.client("cloudformation")
    if stack_status.find(client, name) is not None:
        for arn in _physical(client, name, _MACHINE):
            _refuse_running(aws.client("stepfunctions"), arn)


def remove_dag(aws: Aws, name: str, tell: Tell, pace: Pace) -> bool:
    """Delete a DAG's stack and what belongs to it; the ledger keeps its runs. False if there is none.

    :raises SubmissionError: a run goes on, or CloudFormation does not delete it
    """
    client: CloudFormation = aws.client("cloudformation")
    stack = stack_status.settled(client, name, tell, pace)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return False
    machines, sfn = list(_physical(client, name, _MACHINE)), aws.client("stepfunctions")
    for arn in machines:
        _refuse_running(sfn, arn)
    roots = {arn for arn in machines if _is_root(arn, machines)}
    for arn in sorted(set(machines) - roots):
        sfn.delete_state_machine(stateMachineArn=arn)
    for arn in _physical(client, name, _DEFINITION):
        _deregister(aws.client("batch"), arn)
    _delete(client, name, tell, pace)
    return True


def forget_starts(aws: Aws, shared: str, dag_id: str) -> None:
    """Delete what the ledger keeps to start a DAG's next run by events. Deployed anew, the DAG begins anew.

    :param shared: the name of the shared stack, which says which ledger that is
    """
    stack = stack_status.find(aws.client("cloudformation"), shared)
    table = stack and _table(stack)
    if not table:
        return
    ledger, pk = Ledger.connect(table, aws), queue_pk(dag_id)
    try:
        for prefix in (QUEUE_SK, EVENT_PREFIX):
            for sk in ledger.sort_keys(pk, prefix):
                ledger.delete(pk, sk)
    except ClientError as error:
        if code(error) != NOT_FOUND:
            raise


def dag_of(aws: Aws, name: str) -> str | None:
    """The DAG id of a DAG's stack; None if there is no such stack."""
    stack = stack_status.find(aws.client("cloudformation"), name)
    outputs = stack.get("Outputs", ()) if stack else ()
    return next((each["OutputValue"] for each in outputs if each["OutputKey"] == "DagId"), None)


def _table(stack: StackDetail) -> str | None:
    return next((each["OutputValue"] for each in stack.get("Outputs", ()) if each["OutputKey"] == TABLE), None)


def remove_requests(aws: Aws, name: str, tell: Tell, pace: Pace) -> bool:
    """Delete the stack of what starts runs from outside; its table of requests stays. False if there is none.

    :raises SubmissionError: CloudFormation does not delete it
    """
    client: CloudFormation = aws.client("cloudformation")
    stack = stack_status.settled(client, name, tell, pace)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return False
    _delete(client, name, tell, pace)
    return True


def remove_shared(aws: Aws, name: str, tell: Tell, pace: Pace, *, with_ledger: bool) -> bool:
    """Delete the shared stack; the ledger stays unless ``with_ledger``. False if there was nothing to delete.

    :raises SubmissionError: stacks of DAGs still need it, or CloudFormation does not delete it
    """
    client: CloudFormation = aws.client("cloudformation")
    stack = stack_status.settled(client, name, tell, pace)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return False
    if needed := stacks_of_dags(client, name):
        raise SubmissionError(f"{', '.join(needed)} still need {name}: give --all to take them away, too")
    table = _table(stack)
    if with_ledger and table is not None:
        _delete_table(aws, table)
        tell(f"the ledger {table} is deleted, with all runs")
    _delete(client, name, tell, pace)
    if not with_ledger:
        tell(f"the ledger {table} is kept; to delete it as well: ductwork undeploy --all --delete-ledger, before")
    return True


def _physical(client: CloudFormation, name: str, kind: str) -> Iterator[str]:
    """The ARNs of a stack's resources of one type."""
    for each in client.describe_stack_resources(StackName=name)["StackResources"]:
        if each.get("ResourceType") == kind and each.get("PhysicalResourceId"):
            yield each["PhysicalResourceId"]


def _is_root(arn: str, machines: list[str]) -> bool:
    return not any(arn != other and arn.startswith(f"{other}-") for other in machines)


def _refuse_running(client: SFNClient, arn: str) -> None:
    try:
        running = client.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=1)["executions"]
    except client.exceptions.StateMachineDoesNotExist:
        return
    if running:
        raise SubmissionError(
            f"{running[0]['executionArn']} still runs: wait for it, or stop it with ductwork cancel; deleting its "
            "machine would end it without a word in the ledger. If others keep being started: ductwork deploy the DAG "
            "first, with --parameter Schedules=DISABLED"
        )


def _deregister(client: BatchClient, arn: str) -> None:
    """All revisions of a definition."""
    name = arn.rpartition("/")[2].partition(":")[0]
    pages = client.get_paginator("describe_job_definitions").paginate(jobDefinitionName=name, status="ACTIVE")
    for page in pages:
        for each in page["jobDefinitions"]:
            client.deregister_job_definition(jobDefinition=each["jobDefinitionArn"])


def _delete(client: CloudFormation, name: str, tell: Tell, pace: Pace) -> None:
    client.delete_stack(StackName=name)
    stack = stack_status.settled(client, name, tell, pace)
    if stack is not None and stack["StackStatus"] != "DELETE_COMPLETE":
        raise SubmissionError(f"the stack {name} is {stack['StackStatus']}: {stack.get('StackStatusReason', '')}")


def _delete_table(aws: Aws, table: str) -> None:
    client = aws.client("dynamodb")
    try:
        client.update_table(TableName=table, DeletionProtectionEnabled=False)
        client.get_waiter("table_exists").wait(TableName=table)
        client.delete_table(TableName=table)
    except ClientError as error:
        if code(error) != NOT_FOUND:
            raise
