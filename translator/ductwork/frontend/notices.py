"""Whom a DAG tells of the ends of its runs, where that is one SNS topic."""

from __future__ import annotations

from typing import Any

from ductwork.frontend.plain import dotted_name
from ductwork.ir import RUN_CALLBACKS
from ductwork.schedule_schema import TOPIC

_NOTIFIER = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"
_CONNECTION = {"aws_conn_id": "aws_default", "region_name": None}


def topic(dag: Any) -> str:
    """The ARN of the topic that every end of a run is told to and nobody else is; empty if it is not so."""
    told = {_told(getattr(dag, name, None)) for name in RUN_CALLBACKS.values()}
    return told.pop() if len(told) == 1 else ""


def _told(callbacks: Any) -> str:
    if isinstance(callbacks, list) and len(callbacks) == 1:
        (callbacks,) = callbacks
    if dotted_name(type(callbacks)) != _NOTIFIER:
        return ""
    if any(getattr(callbacks, name, None) != value for name, value in _CONNECTION.items()):
        return ""
    arn = callbacks.target_arn
    return arn if isinstance(arn, str) and TOPIC.fullmatch(arn) else ""
