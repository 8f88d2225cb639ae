"""The target-neutral form of a DAG: what rules make, passes rewrite and back ends read."""

from ductwork.ir.aws_call import AwsCall
from ductwork.ir.aws_sensor import AwsSensor
from ductwork.ir.deployment import Deployment
from ductwork.ir.expressions import Concat, Expr, PerInstance, RunValue, Text
from ductwork.ir.task import Retry, Slots, Task
from ductwork.ir.work import ANY_DAG, BatchJob, Container, Instant, Mount, NoOp, Wait, Work, Worker
from ductwork.ir.workflow import RUN_CALLBACKS, Workflow

__all__ = [
    "ANY_DAG",
    "RUN_CALLBACKS",
    "AwsCall",
    "AwsSensor",
    "BatchJob",
    "Concat",
    "Container",
    "Deployment",
    "Expr",
    "Instant",
    "Mount",
    "NoOp",
    "PerInstance",
    "Retry",
    "RunValue",
    "Slots",
    "Task",
    "Text",
    "Wait",
    "Work",
    "Worker",
    "Workflow",
]
