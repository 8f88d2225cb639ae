"""How the mirror hands over what an execution that broke has held: to the first that waits and can be woken."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
from ductwork.contracts import concurrency_limit as limits
from ductwork.contracts.ledger import pool_key, run_limit_key, run_pk
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.mirror import free_limits
from ductwork_airflow.run_model.connection import Connection
from harness import StepFunctions, dynamodb

BROKEN, OTHER = "arn:aws:states:eu-west-1:1:execution:d:broken", "arn:aws:states:eu-west-1:1:execution:d:other"


class Clients:
    def __init__(self, endpoint: str, step_functions: StepFunctions) -> None:
        self._endpoint, self._step_functions = endpoint, step_functions

    def client(self, service: str) -> Any:
        if service == "dynamodb":
            return dynamodb(self._endpoint)
        return boto3.client(
            service,
            endpoint_url=self._step_functions.url,
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


class Case:
    """One run, and limits that it is under."""

    def __init__(self, endpoint: str, ledger: Ledger, step_functions: StepFunctions) -> None:
        self.aws, self._step_functions = Connection(Clients(endpoint, step_functions), ledger.table), step_functions
        self._client, self._table, self._unique = dynamodb(endpoint), ledger.table, uuid.uuid4().hex[:8]
        self.run: dict[str, Any] = {"dag_id": self._unique, "run_id": "r", "execution_arn": BROKEN, "limits": []}

    def token(self, name: str) -> str:
        return f"{name}-{self._unique}"

    def limit(self, key: tuple[str, str], holders: list[str], waiting: dict[str, str]) -> None:
        """:param waiting: since when, by the name of the token"""
        self.run["limits"].append(list(key))
        places = [f"{since}{limits.SEPARATOR}{self.token(name)}" for name, since in waiting.items()]
        sets = {limits.HOLDERS: holders, limits.WAITING: places}
        item = {name: {"SS": members} for name, members in sets.items() if members}
        self._client.put_item(TableName=self._table, Item=self._key(key) | item)

    def _key(self, key: tuple[str, str]) -> dict[str, Any]:
        return {"pk": {"S": key[0] or run_pk(self._unique, "r")}, "sk": {"S": key[1]}}

    def left(self, key: tuple[str, str]) -> dict[str, set[str]]:
        item = self._client.get_item(TableName=self._table, Key=self._key(key))["Item"]
        return {name: set(item[name]["SS"]) for name in (limits.HOLDERS, limits.WAITING) if name in item}

    def refuse(self, name: str, error: str) -> None:
        self._step_functions.refuse[self.token(name)] = error

    def woken(self, *names: str) -> list[str]:
        return [name for name in names if self._step_functions.of(self.token(name))]


def test_the_first_that_still_waits_is_woken(
    dynamodb_endpoint: str, ledger: Ledger, step_functions: StepFunctions
) -> None:
    case = Case(dynamodb_endpoint, ledger, step_functions)
    pool = pool_key(uuid.uuid4().hex)
    since = {"second": "2026-01-01T00:00:02.000Z", "gone": "2026-01-01T00:00:01.000Z", "third": "2026-01-01T00:01:00Z"}
    case.limit(pool, [f"{BROKEN}#t#0", f"{OTHER}#t"], since)
    case.refuse("gone", "TaskTimedOut")
    free_limits.free(case.aws, case.run)
    assert case.woken("gone", "second", "third") == ["gone", "second"]
    assert case.left(pool) == {
        limits.HOLDERS: {f"{OTHER}#t"},
        limits.WAITING: {f"2026-01-01T00:01:00Z#{case.token('third')}"},
    }
    # Once more finds nothing of its own there.
    free_limits.free(case.aws, case.run)
    assert case.woken("third") == []


def test_one_is_woken_for_each_slot(dynamodb_endpoint: str, ledger: Ledger, step_functions: StepFunctions) -> None:
    case = Case(dynamodb_endpoint, ledger, step_functions)
    pool = pool_key(uuid.uuid4().hex)
    case.limit(pool, [f"{BROKEN}#t", f"{BROKEN}#t#1"], {"a": "2026-01-01", "b": "2026-01-02", "c": "2026-01-03"})
    free_limits.free(case.aws, case.run)
    assert case.woken("a", "b", "c") == ["a", "b"]


def test_a_limit_of_the_run_itself_is_in_its_own_partition(
    dynamodb_endpoint: str, ledger: Ledger, step_functions: StepFunctions
) -> None:
    """``max_active_tis_per_dagrun``: its key has no partition of its own."""
    case = Case(dynamodb_endpoint, ledger, step_functions)
    key = run_limit_key("t")
    case.limit(key, [f"{BROKEN}#t#0", f"{OTHER}#t#1"], {})
    free_limits.free(case.aws, case.run)
    assert case.left(key) == {limits.HOLDERS: {f"{OTHER}#t#1"}}
