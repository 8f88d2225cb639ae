"""State machines: deployed by content, started exactly once.

An update of a machine reaches StartExecution some seconds late. So a run is started from a *version*, which is
immutable: PublishStateMachineVersion gives the version of the very revision that was compared or written.
"""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from ductwork.contracts import names
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.stepfunctions_limits import EXECUTION_NAME_LIMIT

from ductwork_airflow.aws.errors import (
    ACCESS_DENIED,
    EXECUTION_EXISTS,
    MACHINE_IN_FLUX,
    MACHINE_UNKNOWN,
    QUOTA_EXCEEDED,
    SubmissionError,
    code,
    message,
)
from ductwork_airflow.run_model.request import RunRequest, given
from ductwork_airflow.submit.document_diff import digest, first_difference

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import DescribeStateMachineOutputTypeDef

log = logging.getLogger(__name__)

DEFINITION_TAG = "ductwork:definition"
_ATTEMPTS = 8
_PAUSE_SECONDS = 1.0
_RESTART = re.compile(r"-r(\d+)$")


@dataclass(frozen=True)
class Deployed:
    """A machine that is as it should be.

    :param arn: to start executions with
    :param changed: it was not so before
    """

    arn: str
    changed: bool


def deploy(client: SFNClient, arn: str, definition: JsonObject, role_arn: str, *, versioned: bool = True) -> Deployed:
    """Make a state machine be ``definition``: create it, update it, or leave it as it is.

    :param client: a boto3 Step Functions client
    :param arn: the machine's, see :func:`arn_of`
    :param versioned: give the version that is this definition, where the service has versions left
    :raises SubmissionError: AWS does not take the definition or the role
    """
    text = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        try:
            revision, changed = _become(client, arn, definition, text, role_arn)
            return Deployed(_version(client, arn, revision) if versioned else arn, changed)
        except ClientError as error:
            if code(error) not in MACHINE_IN_FLUX:
                raise _explained(error, arn) from error
            log.info("state machine %s is being changed by somebody else: %s", arn, message(error))
    raise SubmissionError(f"the state machine {arn} keeps being changed by somebody else; try again when that is over")


def _become(client: SFNClient, arn: str, definition: JsonObject, text: str, role_arn: str) -> tuple[str | None, bool]:
    """The machine's revision then, None of a new one; and whether it was changed."""
    machine, wanted = _describe(client, arn), digest(definition)
    if machine is None or machine.get("status") == "DELETING":  # whose name is free again soon
        _create(client, arn, text, role_arn, wanted)
        return None, True
    if machine["roleArn"] == role_arn and digest(json.loads(machine["definition"])) == wanted:
        return machine.get("revisionId"), False
    reply = client.update_state_machine(stateMachineArn=arn, definition=text, roleArn=role_arn)
    _tag(client, arn, wanted)
    return reply.get("revisionId"), True


def require(client: SFNClient, arn: str, definition: JsonObject | None) -> None:
    """Check that a machine that is deployed by other means is what this DAG compiles to.

    :param definition: None to take whatever is deployed
    :raises SubmissionError: it does not exist, or differs
    """
    machine = _describe(client, arn)
    if machine is None:
        raise SubmissionError(f"there is no state machine {arn}: deploy it first, or pass role_arn to have it created")
    where = first_difference(definition, json.loads(machine["definition"])) if definition else None
    if where:
        raise SubmissionError(
            f"the state machine {arn} is not the one this DAG compiles to: {where}. "
            "Deploy the compiled definition, or pass role_arn to have it updated"
        )


def start(client: SFNClient, arn: str, request: RunRequest) -> str:
    """Start the run. If it was started before, whether it still runs or not, this gives the same execution.

    :return: the execution's ARN
    :raises SubmissionError: the run's id was used with other values
    """
    name, text = names.execution_name(request.dag_id, request.run_id), request.execution_input()
    execution = start_named(client, arn, name, text)
    text_there = client.describe_execution(executionArn=execution).get("input")
    # AWS leaves out the input where the caller may not read it.
    if text_there is not None and (where := first_difference(given(text), given(text_there))):
        raise SubmissionError(
            f"run {request.run_id!r} of DAG {request.dag_id!r} exists already with other values: {where}. "
            "Choose another run id"
        )
    return execution


def start_named(client: SFNClient, arn: str, name: str, text: str) -> str:
    """An execution's ARN; one of this name that exists already is not started again."""
    try:
        return str(client.start_execution(stateMachineArn=arn, name=name, input=text)["executionArn"])
    except ClientError as error:
        if code(error) == EXECUTION_EXISTS:
            return _execution_arn(arn, name)
        raise _explained(error, arn) from error


def restart_name(dag_id: str, run_id: str, number: int) -> str:
    """The name of a run's execution number ``number``: 0 for the first, then one more for each restart."""
    name, suffix = names.execution_name(dag_id, run_id), f"-r{number}" if number else ""
    return f"{names.shorten(name, EXECUTION_NAME_LIMIT - len(suffix))}{suffix}"


def restarts(execution_arn: str) -> int:
    """How many restarts came before an execution and with it."""
    suffix = _RESTART.search(execution_arn)
    return int(suffix[1]) if suffix else 0


def machine_of(execution_arn: str) -> str:
    """The plain ARN of an execution's state machine."""
    head, _, tail = execution_arn.partition(":execution:")
    return f"{head}:stateMachine:{tail.rpartition(':')[0]}"


def sibling(execution_arn: str, name: str) -> str:
    """The ARN of another execution of the same machine."""
    return f"{execution_arn.rpartition(':')[0]}:{name}"


def definition_text(client: SFNClient, arn: str) -> str | None:
    """The current definition of a machine; None if the caller may not read it, who may start it all the same.

    :raises SubmissionError: there is no such machine
    """
    try:
        return client.describe_state_machine(stateMachineArn=arn)["definition"]
    except ClientError as error:
        if code(error) == ACCESS_DENIED:
            return None
        raise _explained(error, arn) from error


def _execution_arn(machine: str, name: str) -> str:
    head, _, tail = machine.partition(":stateMachine:")
    return f"{head}:execution:{tail.partition(':')[0]}:{name}"  # without the version


def arn_of(client: SFNClient, name: str, role_arn: str) -> str:
    """The ARN of the machine of a name: it lives in the account of its role.

    :raises SubmissionError: ``role_arn`` is none
    """
    try:
        _, partition, _, _, account, _ = role_arn.split(":", 5)
    except ValueError:
        raise SubmissionError(
            f"{role_arn!r} is not the ARN of a role: pass arn:aws:iam::<account>:role/<name>"
        ) from None
    return f"arn:{partition}:states:{client.meta.region_name}:{account}:stateMachine:{name}"


def _describe(client: SFNClient, arn: str) -> DescribeStateMachineOutputTypeDef | None:
    try:
        return client.describe_state_machine(stateMachineArn=arn)
    except ClientError as error:
        if code(error) == MACHINE_UNKNOWN:
            return None
        raise _explained(error, arn) from error


def _create(client: SFNClient, arn: str, text: str, role_arn: str, hashed: str) -> None:
    client.create_state_machine(
        name=arn.rpartition(":")[2],
        definition=text,
        roleArn=role_arn,
        type="STANDARD",
        tags=[{"key": DEFINITION_TAG, "value": hashed}],
    )


def _tag(client: SFNClient, arn: str, hashed: str) -> None:
    """The tag is for people and pipelines; what counts here is the definition itself."""
    client.tag_resource(resourceArn=arn, tags=[{"key": DEFINITION_TAG, "value": hashed}])


def _version(client: SFNClient, arn: str, revision: str | None) -> str:
    """The version of one revision, published if need be: the call gives an existing one where there is one."""
    named = {"revisionId": revision} if revision else {}
    try:
        return str(client.publish_state_machine_version(stateMachineArn=arn, **named)["stateMachineVersionArn"])
    except ClientError as error:
        if code(error) != QUOTA_EXCEEDED:
            raise
        log.warning("%s has no room for further versions; runs start from its current definition", arn)
        return arn


_HINTS = {
    ACCESS_DENIED: "allow it in the caller's IAM policy",
    "InvalidArn": "check the ARN",
    "InvalidDefinition": "compile the DAG again with this version of ductwork",
    "InvalidExecutionInput": "the input of an execution holds 256 KiB, for the run's conf and, in a restart, what is "
    "kept of it: make the conf smaller, or name the tasks that are to run again",
    MACHINE_UNKNOWN: "deploy it first, or pass role_arn to have it created",
    "ExecutionLimitExceeded": "wait for other executions to end, or ask AWS for a higher quota",
}


def _explained(error: ClientError, arn: str) -> Exception:
    hint = _HINTS.get(code(error))
    return SubmissionError(f"{arn}: {error.operation_name}: {message(error)}; {hint}") if hint else error
