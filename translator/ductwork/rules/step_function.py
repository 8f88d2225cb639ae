"""StepFunctionStartExecutionOperator: the machine starts the execution, and looks for its end if the operator does."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Failure, Kept, Looks, Phrase
from ductwork.rules.aws_calls import Given, call_rule, console_link, given_members, json_text
from ductwork.rules.base import Decline

_OPERATOR = "airflow.providers.amazon.aws.operators.step_function.StepFunctionStartExecutionOperator"
# Of a status that the operator's waiter does not know, like TIMED_OUT, it looks again and again.
_FAILED = ("FAILED", "ABORTED")
_TRIGGER_FAILED = "TaskDeferralError: Trigger failure"


def _start(given: Given) -> AwsCall | Decline:
    if given["is_redrive_execution"]:
        return Decline("is_redrive_execution is set, so a worker redrives the execution")
    machine, execution, handed = given["state_machine_arn"], given["name"], given["state_machine_input"]
    if isinstance(handed, dict):
        handed = json_text(handed)
    waits = bool(given.constant("deferrable"))
    return AwsCall(
        why="the machine starts the execution" + (" and waits for it" if waits else ""),
        service="stepfunctions",
        action="StartExecution",
        arguments=given_members(stateMachineArn=machine, name=execution, input=handed),
        keeps={"execution": Answer(("executionArn",))},
        links={
            "_state_machine_details": console_link(state_machine_arn=machine),
            "_state_machine_executions_details": console_link(execution_arn=Kept("execution")),
        },
        returns=Kept("execution"),
        failures=_failures() if waits else (),
        waits=_looks(given) if waits else None,
    )


def _failures() -> tuple[Failure, ...]:
    return (Failure(Check(("status",), _FAILED), Phrase((_TRIGGER_FAILED, " (", Answer(("status",)), ")"))),)


def _looks(given: Given) -> Looks:
    delay, attempts = given.number("waiter_delay", 60), given.number("waiter_max_attempts", 30)
    return Looks(
        service="stepfunctions",
        action="DescribeExecution",
        arguments={"executionArn": Kept("execution")},
        done=Check(("status",), ("SUCCEEDED",)),
        delay=delay,
        limit=delay * attempts,
        gives_up=_TRIGGER_FAILED,
    )


RULE = call_rule(
    "step_function",
    {_OPERATOR: _start},
    f"{AMAZON_PROVIDER}/operators/step_functions.html",
    arguments={"stateMachineArn": "state_machine_arn", "name": "name", "input": "state_machine_input"},
)
