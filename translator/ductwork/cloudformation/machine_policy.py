"""What the role of a DAG's state machines is allowed: what the states call, on what they call it with.

``INTEGRATIONS`` has a row for each service integration that the back ends write by themselves, and ``CALLS`` of
:mod:`.call_permissions` for each that operators ask for. A machine with another one is refused rather than deployed
with a role that does not do.

https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from ductwork.cloudformation import call_permissions
from ductwork.cloudformation.call_permissions import CALLS
from ductwork.cloudformation.intrinsics import Value, arn
from ductwork.cloudformation.statements import Statement, everywhere
from ductwork.contracts import shared_request
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import INDEX_BY_DAG

_STATES = "arn:aws:states:::"
_JOB_RULE = "rule/StepFunctionsGetEventsForBatchJobsRule"
_EXECUTION_RULE = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
_MANAGED_RULES = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
# From so many on, child machines are named by the form of their names.
_CHILDREN_BY_NAME = 20
_LOGGING = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
LOGGING_WHY = "log deliveries are the account's: CloudWatch Logs knows no resources for these actions"
DESCRIBE_WHY = "Batch knows no resources for DescribeJobs"
TOKEN_WHY = "a task token names its execution, and Step Functions knows no resources for the actions that take one"


class UnknownIntegrationError(ValueError):
    """A state calls what :data:`INTEGRATIONS` does not know."""


@dataclass
class Use:
    """What the states of all machines of a DAG call.

    :ivar table: actions on the ledger
    :ivar queues: job queues of requests, names, ARNs or places; ``definitions``: job definitions
    :ivar waits: jobs are waited for; ``starts``: child machines are
    :ivar calls: what operators call, see :func:`.call_permissions.statements`
    """

    table: set[str] = field(default_factory=set)
    queues: set[str] = field(default_factory=set)
    definitions: set[str] = field(default_factory=set)
    tags: bool = False
    waits: bool = False
    describes: bool = False
    starts: bool = False
    looks: bool = False
    tokens: bool = False
    calls: list[tuple[str, JsonObject]] = field(default_factory=list)


def _table(action: str) -> Callable[[Use, JsonObject], None]:
    def note(use: Use, state: JsonObject) -> None:
        use.table.add(f"dynamodb:{action}")

    return note


def _submit(use: Use, state: JsonObject) -> None:
    arguments = cast(JsonObject, state["Arguments"])
    use.queues.add(str(arguments["JobQueue"]))
    use.definitions.add(str(arguments["JobDefinition"]))
    use.tags = use.tags or "Tags" in arguments
    use.waits = use.waits or str(state["Resource"]).endswith(".sync")


def _flag(name: str) -> Callable[[Use, JsonObject], None]:
    return lambda use, state: setattr(use, name, True)


INTEGRATIONS: Mapping[str, Callable[[Use, JsonObject], None]] = {
    "arn:aws:states:::dynamodb:getItem": _table("GetItem"),
    "arn:aws:states:::dynamodb:putItem": _table("PutItem"),
    "arn:aws:states:::dynamodb:updateItem": _table("UpdateItem"),
    "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken": _table("UpdateItem"),
    "arn:aws:states:::aws-sdk:dynamodb:query": _table("Query"),
    "arn:aws:states:::batch:submitJob": _submit,
    "arn:aws:states:::batch:submitJob.sync": _submit,
    "arn:aws:states:::aws-sdk:batch:submitJob": _submit,
    "arn:aws:states:::aws-sdk:batch:describeJobs": _flag("describes"),
    "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess": _flag("tokens"),
    "arn:aws:states:::aws-sdk:sfn:describeExecution": _flag("looks"),
    "arn:aws:states:::states:startExecution.sync:2": _flag("starts"),
}


@dataclass(frozen=True)
class Names:
    """What a DAG's template calls what its machines use.

    :param table: the ledger's ARN
    :param queue: the ARN of a job queue, by what requests call it
    :param definition: likewise the ARNs of all revisions of a job definition
    :param children: the suffixes of child machines
    """

    table: Value
    queue: Callable[[str], Value]
    definition: Callable[[str], Sequence[Value]]
    children: Sequence[str]


def use_of(machines: Sequence[JsonObject]) -> Use:
    """What the states of these machines call.

    :raises UnknownIntegrationError: one calls what nobody knows a policy for
    """
    use = Use()
    for state in (each for machine in machines for each in calls_of(machine)):
        resource = str(state["Resource"])
        called = resource.removeprefix(_STATES)
        if called in CALLS:
            arguments = state["Arguments"]
            assert isinstance(arguments, Mapping), "calls of operators have their arguments as an object"
            use.calls.append((called, arguments))
        elif resource in INTEGRATIONS:
            INTEGRATIONS[resource](use, state)
        else:
            raise UnknownIntegrationError(f"no policy is known for the integration {resource}")
    return use


def statements(machines: Sequence[JsonObject], names: Names) -> list[Statement]:
    """The least that the machines' role needs.

    :param machines: their definitions
    :raises UnknownIntegrationError: see :func:`use_of`
    """
    use = use_of(machines)
    made = []
    if use.table:
        made.append(Statement("Ledger", tuple(sorted(use.table)), (names.table,)))
        if any(f'"{INDEX_BY_DAG}"' in json.dumps(machine) for machine in machines):
            made.append(Statement("RunsOfDag", ("dynamodb:Query",), (_index(names.table),)))
    made += _batch(use, names)
    if use.starts:
        made += _children(names)
    if use.looks:
        # Whoever holds a slot of a pool may be a run of another DAG.
        shared = any("pool#" in json.dumps(machine) for machine in machines)
        holders = arn("states", "execution:*" if shared else "execution:${MachineName}:*")
        made.append(Statement("HoldersOfSlots", ("states:DescribeExecution",), (holders,)))
    if use.tokens:
        made.append(everywhere("WakeWhoWaits", ["states:SendTaskSuccess"], TOKEN_WHY))
    return [*made, *call_permissions.statements(use.calls), deliver_logs()]


def deliver_logs() -> Statement:
    """What a machine needs that has a log group."""
    return everywhere("DeliverLogs", _LOGGING, LOGGING_WHY)


def _index(table: Value) -> Value:
    return {"Fn::Join": ["", [table, f"/index/{INDEX_BY_DAG}"]]}


def _batch(use: Use, names: Names) -> Iterator[Statement]:
    if use.queues:
        queues = [names.queue(queue) for queue in sorted(use.queues)]
        definitions = [each for name in sorted(use.definitions) for each in names.definition(name)]
        yield Statement("SubmitJobs", ("batch:SubmitJob",), (*queues, *definitions))
        if use.tags:
            yield Statement("TagJobs", ("batch:TagResource",), (arn("batch", "job/*"), *queues, *definitions))
    if use.waits or use.describes:
        yield everywhere("LookAtJobs", ["batch:DescribeJobs"], DESCRIBE_WHY)
    if use.waits:
        # What Step Functions ends when an execution is stopped.
        yield Statement("EndJobs", ("batch:TerminateJob",), (arn("batch", "job/*"),))
        yield Statement("HearOfJobs", _MANAGED_RULES, (arn("events", _JOB_RULE),))


def _children(names: Names) -> Iterator[Statement]:
    suffixes = list(names.children)
    if len(suffixes) > _CHILDREN_BY_NAME:
        # The form of their names: a number, and eight hexadecimal digits.
        lengths = sorted({len(suffix) - 9 for suffix in suffixes})
        suffixes = [f"{'?' * length}-????????" for length in lengths]
    machines = tuple(arn("states", f"stateMachine:${{MachineName}}-{suffix}") for suffix in suffixes)
    executions = tuple(arn("states", f"execution:${{MachineName}}-{suffix}:*") for suffix in suffixes)
    yield Statement("StartParts", ("states:StartExecution",), machines)
    yield Statement("FollowParts", ("states:DescribeExecution", "states:StopExecution"), executions)
    yield Statement("HearOfParts", _MANAGED_RULES, (arn("events", _EXECUTION_RULE),))


def calls_of(machine: JsonObject) -> Iterator[JsonObject]:
    """All Task states of a machine, those that submit jobs with what is certain of their requests."""
    shared = shared_request.of_machine(machine)
    for state in tasks_of(machine):
        submits = INTEGRATIONS.get(str(state["Resource"])) is _submit
        yield {**state, "Arguments": shared_request.members(state["Arguments"], shared)} if submits else state


def tasks_of(node: object) -> Iterator[JsonObject]:
    """All Task states of a machine, however deep."""
    if isinstance(node, Mapping):
        if node.get("Type") == "Task" and "Resource" in node:
            yield node
        for inner in node.values():
            yield from tasks_of(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from tasks_of(inner)
