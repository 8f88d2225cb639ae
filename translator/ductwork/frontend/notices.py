"""The SNS topic that a DAG notifies when a run ends, if that is all its callbacks do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ductwork.contracts.aws_names import TOPIC
from ductwork.frontend.plain import dotted_name
from ductwork.ir import RUN_CALLBACKS

if TYPE_CHECKING:
    from airflow.sdk import DAG

_NOTIFIER = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"
_CONNECTION = {"aws_conn_id": "aws_default", "region_name": None}


def topic(dag: DAG) -> str:
    """The ARN of the topic, if every end of a run is published to it and to nothing else; otherwise empty."""
    arns = {_told(getattr(dag, name, None)) for name in RUN_CALLBACKS.values()}
    return arns.pop() if len(arns) == 1 else ""


def _told(callbacks: Any) -> str:
    if isinstance(callbacks, list) and len(callbacks) == 1:
        (callbacks,) = callbacks
    if dotted_name(type(callbacks)) != _NOTIFIER:
        return ""
    if any(getattr(callbacks, name, None) != value for name, value in _CONNECTION.items()):
        return ""
    arn = callbacks.target_arn
    return arn if isinstance(arn, str) and TOPIC.fullmatch(arn) else ""
