"""Freeing what an execution held when it broke: it could not hand its slots on itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError
from ductwork.contracts import concurrency_limit as limits
from ductwork.contracts.ledger import run_pk
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.aws.errors import CONDITIONAL_CHECK_FAILED, TOKEN_GONE, code
from ductwork_airflow.ledger.values import typed
from ductwork_airflow.run_model.connection import Connection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UpdateItemInputTypeDef, UpdateItemOutputTypeDef


def free(aws: Connection, run: RunItem) -> None:
    """Take the run's newest execution out of the holders of every limit it is under, and wake who waits for that.

    Doing it again changes nothing; a machine finds out by itself, though later, that a holder no longer runs.

    :param run: the run's item
    """
    for pk, sk in run.get("limits") or ():
        _LimitItem(aws, pk or run_pk(run["dag_id"], run["run_id"]), sk).free(run["execution_arn"])


class _LimitItem:
    """The item of one limit."""

    def __init__(self, aws: Connection, pk: str, sk: str) -> None:
        self._aws, self._client = aws, aws.dynamodb
        self._table, self._key = aws.ledger.table, typed({"pk": pk, "sk": sk})

    def free(self, execution: str) -> None:
        found = self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True).get("Item")
        for holder in _members(found, limits.HOLDERS):
            if limits.execution_of(holder) == execution:
                self._hand_over(holder)

    def _hand_over(self, holder: str) -> None:
        while (place := self._leave(holder)) is not None:
            if self._call(place) and self._wake(place):
                return

    def _leave(self, holder: str) -> str | None:
        """Who is to be woken for it."""
        left = self._update(limits.leave([holder]))
        return limits.first(_members(left.get("Attributes"), limits.WAITING))

    def _call(self, place: str) -> bool:
        """False if somebody else has called it."""
        try:
            self._update(limits.call(place))
        except ClientError as error:
            if code(error) != CONDITIONAL_CHECK_FAILED:
                raise
            return False
        return True

    def _update(self, what: limits.Update) -> UpdateItemOutputTypeDef:
        request = {"TableName": self._table, "Key": self._key, **what}
        return self._client.update_item(**cast("UpdateItemInputTypeDef", request))

    def _wake(self, place: str) -> bool:
        """False if it waits no longer."""
        try:
            self._aws.stepfunctions.send_task_success(taskToken=limits.token_of(place), output="{}")
        except ClientError as error:
            if code(error) not in TOKEN_GONE:
                raise
            return False
        return True


def _members(item: Mapping[str, AttributeValueTypeDef] | None, attribute: str) -> list[str]:
    """The members of a set in an item as DynamoDB says it; none where it is not there."""
    return list(item[attribute]["SS"]) if item and attribute in item else []
