"""Sensors of SageMaker: jobs, endpoints, pipelines."""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_call import Answer, Leaf, Phrase
from ductwork.ir.aws_sensor import Comes, Holds
from ductwork.rules.aws_calls import Given
from ductwork.rules.aws_sensors import Poke, fails, over, poke, sensor_rule
from ductwork.rules.base import Decline

_SENSORS = "airflow.providers.amazon.aws.sensors.sagemaker"
_GOING_ON = ("InProgress", "Stopping")
_FAILED = ("Failed",)
_REASON = ("FailureReason",)


@dataclass(frozen=True)
class _Kind:
    """What a sensor looks at.

    :param member: of the request
    :param what: what the sensor calls it
    :param reason: whether it tells why it has failed
    :param logs: the argument that makes the sensor tell more than the state
    """

    action: str
    member: str
    argument: str
    status: str
    what: str = "job"
    going_on: tuple[str, ...] = _GOING_ON
    failed: tuple[str, ...] = _FAILED
    reason: bool = False
    logs: str = ""

    def sensor(self, given: Given) -> AwsSensor | Decline:
        """The sensor that waits for such a thing's end."""
        if self.logs and given[self.logs]:
            return Decline(f"{self.logs} is set, so a worker follows the log")
        status = (self.status,)
        return poke(
            "sagemaker",
            self.action,
            {self.member: given[self.argument]},
            *self._failures(Holds(status, self.failed)),
            over(Holds(status, self.going_on, negated=True)),
        )

    def _failures(self, failed: Holds) -> list[Comes]:
        said = f"AirflowException: Sagemaker {self.what} failed for the following reason: "
        reason: Leaf = Answer(_REASON) if self.reason else "Unknown"
        untold = [fails("KeyError: 'FailureReason'", failed, Holds(_REASON, negated=True))] if self.reason else []
        return [*untold, fails(Phrase((said, reason)), failed)]


_KINDS = {
    "SageMakerEndpointSensor": _Kind(
        *("DescribeEndpoint", "EndpointName", "endpoint_name", "EndpointStatus"),
        going_on=("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"),
        reason=True,
    ),
    "SageMakerTransformSensor": _Kind(
        *("DescribeTransformJob", "TransformJobName", "job_name", "TransformJobStatus"), reason=True
    ),
    "SageMakerTuningSensor": _Kind(
        "DescribeHyperParameterTuningJob",
        *("HyperParameterTuningJobName", "job_name", "HyperParameterTuningJobStatus"),
        reason=True,
    ),
    "SageMakerTrainingSensor": _Kind(
        *("DescribeTrainingJob", "TrainingJobName", "job_name", "TrainingJobStatus"),
        failed=("Failed", "Stopped"),
        reason=True,
        logs="print_log",
    ),
    "SageMakerPipelineSensor": _Kind(
        *("DescribePipelineExecution", "PipelineExecutionArn", "pipeline_exec_arn", "PipelineExecutionStatus"),
        what="pipeline",
        going_on=("Executing", "Stopping"),
        logs="verbose",
    ),
    "SageMakerAutoMLSensor": _Kind(
        *("DescribeAutoMLJob", "AutoMLJobName", "job_name", "AutoMLJobStatus"), what="autoML job"
    ),
    "SageMakerProcessingSensor": _Kind(
        *("DescribeProcessingJob", "ProcessingJobName", "job_name", "ProcessingJobStatus"), failed=("Failed", "Stopped")
    ),
}
_MAKES: dict[str, Poke] = {f"{_SENSORS}.{name}": kind.sensor for name, kind in _KINDS.items()}

RULE = sensor_rule(
    "sagemaker_sensors",
    _MAKES,
    f"{AMAZON_PROVIDER}/operators/sagemaker.html",
    arguments={kind.member: kind.argument for kind in _KINDS.values()},
)
