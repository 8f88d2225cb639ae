"""EC2's operators for instances: the machine starts, stops, reboots or terminates them."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import AwsCall, Check, Looks
from ductwork.rules.aws_calls import Given, Make, call_rule, console_link
from ductwork.rules.base import Decline
from ductwork.templates import CannotLowerError

_OPERATORS = "airflow.providers.amazon.aws.operators.ec2"
_STATE = ("Reservations", "Instances", "State", "Name")


def _until(action: str, state: str, verb: str) -> Make:
    """What changes one instance, and looks until it is in a state."""

    def make(given: Given) -> AwsCall:
        instance = given["instance_id"]
        return AwsCall(
            why=f"the machine {verb} the instance and waits until it is {state}",
            service="ec2",
            action=action,
            arguments={"InstanceIds": [instance]},
            links={"_instance_id": console_link(instance_id=instance)},
            waits=Looks(
                service="ec2",
                action="DescribeInstances",
                arguments={"InstanceIds": [instance]},
                done=Check(_STATE, (state,)),
                delay=given.number("check_interval", 15),
            ),
        )

    return make


def _at_once(action: str, verb: str, *, links: bool) -> Make:
    """What changes instances, and waits for none."""

    def make(given: Given) -> AwsCall | Decline:
        if given.is_set("wait_for_completion"):
            return Decline("wait_for_completion is set, so a worker waits for the instances one after another")
        instances = given["instance_ids"]
        if not isinstance(instances, list):
            instances = [instances]
        named = [each for each in instances if isinstance(each, str)]
        if links and len(named) < len(instances):
            raise CannotLowerError("instance_ids depend on the run")
        return AwsCall(
            why=f"the machine {verb} the instances",
            service="ec2",
            action=action,
            arguments={"InstanceIds": instances},
            links={"_instance_dashboard": console_link(instance_ids=",:".join(named))} if links else {},
        )

    return make


RULE = call_rule(
    "ec2_instance",
    {
        f"{_OPERATORS}.EC2StartInstanceOperator": _until("StartInstances", "running", "starts"),
        f"{_OPERATORS}.EC2StopInstanceOperator": _until("StopInstances", "stopped", "stops"),
        f"{_OPERATORS}.EC2RebootInstanceOperator": _at_once("RebootInstances", "reboots", links=True),
        f"{_OPERATORS}.EC2TerminateInstanceOperator": _at_once("TerminateInstances", "terminates", links=False),
    },
    f"{AMAZON_PROVIDER}/operators/ec2.html",
    arguments={"InstanceIds": "instance_id"},
)
