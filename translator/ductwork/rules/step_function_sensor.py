"""StepFunctionExecutionSensor: the machine looks at another machine's execution."""

from __future__ import annotations

from dataclasses import replace

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_call import Answer, Parsed
from ductwork.ir.aws_sensor import Holds
from ductwork.rules.aws_calls import Given
from ductwork.rules.aws_sensors import fails, over, poke, sensor_rule

_SENSOR = "airflow.providers.amazon.aws.sensors.step_function.StepFunctionExecutionSensor"
_STATUS = ("status",)
# An execution that has failed has no output.
_FAILED = "AirflowException: Step Function sensor failed. State Machine Output: None"


def _execution(given: Given) -> AwsSensor:
    made = poke(
        "stepfunctions",
        "DescribeExecution",
        {"executionArn": given["execution_arn"]},
        fails(_FAILED, Holds(_STATUS, ("FAILED", "TIMED_OUT", "ABORTED"))),
        over(Holds(_STATUS, ("RUNNING",), negated=True)),
    )
    return replace(made, links={"output": Parsed(Answer(("output",)))})


RULE = sensor_rule(
    "step_function_sensor",
    {_SENSOR: _execution},
    f"{AMAZON_PROVIDER}/operators/step_functions.html",
    arguments={"executionArn": "execution_arn"},
)
