"""The stack of what starts runs from outside: made when it is wanted, and then kept true to the DAGs that are deployed.

What it was made with is in its outputs, so that a deployment that says nothing of it leaves it what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ductwork.cloudformation.starting.rest_api import Auth
from ductwork.cloudformation.starting.template import AUTH_OUTPUT, PARTS_OUTPUT, template
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.deploying import change_sets, stack_status
from ductwork_airflow.deploying.removal import stacks_of_dags
from ductwork_airflow.deploying.services import CloudFormation, StackDetail

_IMAGE = "ControlImage"
# Job queues of instances take no jobs of Fargate.
_ON_INSTANCES = frozenset({"EC2", "SPOT"})


@dataclass(frozen=True)
class Wish:
    """What there is to be; nothing of it takes the stack away.

    :param parts: of ``ductwork.cloudformation.starting.template.PARTS``
    :param auth: who may call the API
    """

    parts: frozenset[str]
    auth: Auth = "iam"


def name_of(shared: str) -> str:
    """The stack's name; with its two hyphens no DAG id but ``-requests`` has it."""
    return f"{shared}--requests"


def wished(client: CloudFormation, shared: str, wish: Wish | None) -> Wish | None:
    """What there is to be: what is asked for, or else what there is; None if there is nothing."""
    if wish is not None:
        return wish
    stack = stack_status.find(client, name_of(shared))
    if stack is None or PARTS_OUTPUT not in (had := outputs(stack)):
        return None
    return Wish(frozenset(had[PARTS_OUTPUT].split(",")), "api-key" if had.get(AUTH_OUTPUT) == "api-key" else "iam")


def wanted_template(client: CloudFormation, shared: str, wish: Wish) -> JsonObject:
    """The template for all DAGs that are deployed beside the shared stack.

    :raises SubmissionError: there is none
    """
    machines = {}
    for name in stacks_of_dags(client, shared):
        stack = stack_status.find(client, name)
        had = outputs(stack) if stack is not None else {}
        if "DagId" in had:
            machines[had["DagId"]] = had["StateMachineArn"]
    if not machines:
        raise SubmissionError(f"no DAG is deployed beside {shared}, and so there is nothing to start from outside")
    return template(dict(sorted(machines.items())), wish.parts, wish.auth)


def parameters(aws: Aws, shared: str, made: JsonObject, given: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the stack: those that are given, and what the shared stack says of the job queue.

    :raises SubmissionError: the stack is new, and nobody says which image its jobs run
    """
    client = aws.client("cloudformation")
    known = change_sets.parameter_names(made)
    mine = {name: value for name, value in given.items() if name in known} | {"SharedStack": shared}
    if _IMAGE not in known or _IMAGE in _parameters(client, name_of(shared)):
        return mine
    if _IMAGE not in mine:
        raise SubmissionError("jobs that restart, skip and cancel runs need an image with Ductwork: give --image")
    if _parameters(client, shared).get("ComputeType") in _ON_INSTANCES:
        mine.setdefault("ControlPlatform", "EC2")
    return mine


def _parameters(client: CloudFormation, name: str) -> dict[str, str]:
    stack = stack_status.find(client, name)
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())} if stack else {}


def outputs(stack: StackDetail) -> dict[str, str]:
    """A stack's outputs by their names."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
