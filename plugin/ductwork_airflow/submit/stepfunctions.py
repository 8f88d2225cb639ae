"""State machines: deployed by content, started exactly once.

An update of a machine reaches StartExecution some seconds late. So a run is started from a *version*, which is
immutable: PublishStateMachineVersion gives the version of the very revision that was compared or written.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from ductwork import names

from ductwork_airflow.submit.definitions import digest, first_difference
from ductwork_airflow.submit.errors import SubmissionError, code, message
from ductwork_airflow.submit.request import RunRequest

log = logging.getLogger(__name__)

DEFINITION_TAG = "ductwork:definition"
_ATTEMPTS = 8
_PAUSE_SECONDS = 1.0
# Somebody else is writing the same machine: look again.
_RACES = frozenset({"ConflictException", "StateMachineAlreadyExists", "StateMachineDeleting"})
# What a definition that submits jobs and one that can pass over tasks have in them.
_JOB, _DONE = ":::batch:submitJob", "$run.done"
_RESTART = re.compile(r"-r(\d+)$")


def deploy(client: Any, dag_id: str, definition: Mapping[str, Any], role_arn: str) -> str:
    """Make the DAG's state machine be ``definition``: create it, update it, or leave it as it is.

    :param client: a boto3 Step Functions client
    :return: the ARN to start executions with: of a version, where the service has versions left
    :raises SubmissionError: AWS does not take the definition or the role
    """
    arn = _arn(client, dag_id, role_arn)
    text = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        try:
            known = _describe(client, arn)
            if known is None:
                _create(client, arn, text, role_arn, digest(definition))
                return _version(client, arn, None)
            if known["roleArn"] == role_arn and digest(json.loads(known["definition"])) == digest(definition):
                return _version(client, arn, known.get("revisionId"))
            reply = client.update_state_machine(stateMachineArn=arn, definition=text, roleArn=role_arn)
            _tag(client, arn, digest(definition))
            return _version(client, arn, reply.get("revisionId"))
        except ClientError as error:
            if code(error) not in _RACES:
                raise _explained(error, arn) from error
            log.info("state machine %s is being changed by somebody else: %s", arn, message(error))
    raise SubmissionError(f"the state machine {arn} keeps being changed by somebody else; try again when that is over")


def require(client: Any, arn: str, definition: Mapping[str, Any] | None) -> None:
    """Check that a machine that somebody else deploys is the one this DAG compiles to.

    :param definition: None to take whatever is deployed
    :raises SubmissionError: it does not exist, or differs
    """
    known = _describe(client, arn)
    if known is None:
        raise SubmissionError(f"there is no state machine {arn}: deploy it first, or pass role_arn to have it created")
    where = first_difference(definition, json.loads(known["definition"])) if definition else None
    if where:
        raise SubmissionError(
            f"the state machine {arn} is not the one this DAG compiles to: {where}. "
            "Deploy the compiled definition, or pass role_arn to have it updated"
        )


def start(client: Any, arn: str, request: RunRequest) -> str:
    """Start the run. If it was started before, whether it still runs or not, this gives the same execution.

    :return: the execution's ARN
    :raises SubmissionError: the run's id was used with other values
    """
    name, text = names.execution_name(request.dag_id, request.run_id), request.execution_input()
    execution = start_named(client, arn, name, text)
    known = client.describe_execution(executionArn=execution).get("input")
    # AWS leaves out the input where the caller may not read it.
    if known is not None and (where := first_difference(json.loads(text), json.loads(known))):
        raise SubmissionError(
            f"run {request.run_id!r} of DAG {request.dag_id!r} exists already with other values: {where}. "
            "Choose another run id"
        )
    return execution


def start_named(client: Any, arn: str, name: str, text: str) -> str:
    """An execution's ARN; one of this name that exists already is not started again."""
    try:
        return str(client.start_execution(stateMachineArn=arn, name=name, input=text)["executionArn"])
    except ClientError as error:
        if code(error) == "ExecutionAlreadyExists":
            return _execution_arn(arn, name)
        raise _explained(error, arn) from error


def restart_name(dag_id: str, run_id: str, number: int) -> str:
    """The name of a run's execution number ``number``: 0 for the first, then one more for each restart."""
    name, suffix = names.execution_name(dag_id, run_id), f"-r{number}" if number else ""
    return f"{names.shorten(name, names.EXECUTION_NAME_LIMIT - len(suffix))}{suffix}"


def restarts(execution_arn: str) -> int:
    """How many restarts came before an execution and with it."""
    found = _RESTART.search(execution_arn)
    return int(found[1]) if found else 0


def machine_of(execution_arn: str) -> str:
    """The plain ARN of an execution's state machine."""
    head, _, tail = execution_arn.partition(":execution:")
    return f"{head}:stateMachine:{tail.rpartition(':')[0]}"


def sibling(execution_arn: str, name: str) -> str:
    """The ARN of another execution of the same machine."""
    return f"{execution_arn.rpartition(':')[0]}:{name}"


def require_restartable(client: Any, execution_arn: str) -> None:
    """Check that the current definition of an execution's machine can pass over what is done.

    :raises SubmissionError: it was compiled with --no-restart, or submits a job chain by now
    """
    arn = machine_of(execution_arn)
    try:
        definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    except ClientError as error:
        if code(error) == "AccessDeniedException":
            return  # who may start executions need not be allowed to read the machine
        raise _explained(error, arn) from error
    if _JOB in definition and _DONE not in definition:
        raise SubmissionError(
            f"the state machine {arn} was compiled with --no-restart, or since the run with --engine batch, so it "
            "would run everything again: compile and deploy it without that option, then give the same command again"
        )


def _execution_arn(machine: str, name: str) -> str:
    head, _, tail = machine.partition(":stateMachine:")
    return f"{head}:execution:{tail.partition(':')[0]}:{name}"  # without the version


def _arn(client: Any, dag_id: str, role_arn: str) -> str:
    """A machine lives in the account of its role."""
    try:
        _, partition, _, _, account, _ = role_arn.split(":", 5)
    except ValueError:
        raise SubmissionError(
            f"{role_arn!r} is not the ARN of a role: pass arn:aws:iam::<account>:role/<name>"
        ) from None
    return f"arn:{partition}:states:{client.meta.region_name}:{account}:stateMachine:{names.state_machine_name(dag_id)}"


def _describe(client: Any, arn: str) -> Mapping[str, Any] | None:
    try:
        reply: Mapping[str, Any] = client.describe_state_machine(stateMachineArn=arn)
    except ClientError as error:
        if code(error) == "StateMachineDoesNotExist":
            return None
        raise _explained(error, arn) from error
    return reply


def _create(client: Any, arn: str, text: str, role_arn: str, hashed: str) -> None:
    client.create_state_machine(
        name=arn.rpartition(":")[2],
        definition=text,
        roleArn=role_arn,
        type="STANDARD",
        tags=[{"key": DEFINITION_TAG, "value": hashed}],
    )


def _tag(client: Any, arn: str, hashed: str) -> None:
    """The tag is for people and pipelines; what counts here is the definition itself."""
    client.tag_resource(resourceArn=arn, tags=[{"key": DEFINITION_TAG, "value": hashed}])


def _version(client: Any, arn: str, revision: str | None) -> str:
    """The version of one revision, published if need be: the call gives an existing one where there is one."""
    named = {"revisionId": revision} if revision else {}
    try:
        return str(client.publish_state_machine_version(stateMachineArn=arn, **named)["stateMachineVersionArn"])
    except ClientError as error:
        if code(error) != "ServiceQuotaExceededException":
            raise
        log.warning("%s has no room for further versions; runs start from its current definition", arn)
        return arn


_HINTS = {
    "AccessDeniedException": "allow it in the caller's IAM policy",
    "InvalidArn": "check the ARN",
    "InvalidDefinition": "compile the DAG again with this version of ductwork",
    "InvalidExecutionInput": "the input of an execution holds 256 KiB, for the run's conf and, in a restart, what is "
    "kept of it: make the conf smaller, or name the tasks that are to run again",
    "StateMachineDoesNotExist": "deploy it first, or pass role_arn to have it created",
    "ExecutionLimitExceeded": "wait for other executions to end, or ask AWS for a higher quota",
}


def _explained(error: ClientError, arn: str) -> Exception:
    hint = _HINTS.get(code(error))
    return SubmissionError(f"{arn}: {error.operation_name}: {message(error)}; {hint}") if hint else error
