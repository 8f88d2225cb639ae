"""EventBridge's operators: the machine puts the events, or switches the rule."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Each, Failure, Phrase
from ductwork.rules.aws_calls import Given, Make, call_rule, given_members

_OPERATORS = "airflow.providers.amazon.aws.operators.eventbridge"


def _put_events(given: Given) -> AwsCall:
    failed = Answer(("FailedEntryCount",))
    return AwsCall(
        why="the machine puts the events",
        service="events",
        action="PutEvents",
        # The optimized integration would add the execution to each event's resources.
        arguments=given_members(Entries=given["entries"], EndpointId=given["endpoint_id"]),
        failures=(
            Failure(
                Check(("FailedEntryCount",), (0,), negated=True),
                Phrase(("AirflowException: ", failed, " entries in this request have failed to send.")),
            ),
        ),
        returns=Each(("Entries",), "EventId"),
    )


def _switch(action: str, what: str) -> Make:
    def make(given: Given) -> AwsCall:
        members = given_members(Name=given["name"], EventBusName=given["event_bus_name"])
        return AwsCall(why=f"the machine {what} the rule", service="events", action=action, arguments=members)

    return make


RULE = call_rule(
    "event_bridge",
    {
        f"{_OPERATORS}.EventBridgePutEventsOperator": _put_events,
        f"{_OPERATORS}.EventBridgeEnableRuleOperator": _switch("EnableRule", "enables"),
        f"{_OPERATORS}.EventBridgeDisableRuleOperator": _switch("DisableRule", "disables"),
    },
    f"{AMAZON_PROVIDER}/operators/eventbridge.html",
    arguments={
        "Entries": "entries",
        "EndpointId": "endpoint_id",
        "Name": "name",
        "EventBusName": "event_bus_name",
    },
)
