"""What AWS answers in place of a result is read, and its codes are named, in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from ductwork_airflow.aws import errors

PLUGIN = Path(errors.__file__).parents[1]
# The embedded AWS gives the errors; events of an execution's history have types of the same names.
ELSEWHERE = {"embedded_aws", "errors.py", "execution_history.py"}
FILES = [path for path in PLUGIN.rglob("*.py") if not ELSEWHERE & {*path.relative_to(PLUGIN).parts}]


def answer(**response: Any) -> ClientError:
    return ClientError(response, "PutItem")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (answer(Error={"Code": "SlowDown"}, ResponseMetadata={"HTTPStatusCode": 503}), "SlowDown", 503),
        (answer(Error={}), "", 0),
        (answer(), "", 0),
    ],
)
def test_an_answer_has_a_code_and_a_status_or_neither(error: ClientError, code: str, status: int) -> None:
    assert (errors.code(error), errors.status(error)) == (code, status)


def test_what_is_no_answer_has_no_code() -> None:
    assert errors.code(EndpointConnectionError(endpoint_url="x")) == ""


def test_the_reasons_of_a_cancelled_transaction() -> None:
    error = answer(CancellationReasons=[{"Code": "None"}, {"Code": "TransactionConflict"}])
    assert errors.cancellation_reasons(error) & errors.CANCELLED_BY_OTHERS
    assert errors.CANCELLED_BY_CONDITION not in errors.cancellation_reasons(error)
    assert not errors.cancellation_reasons(answer())


def named() -> Iterator[str]:
    for name, value in vars(errors).items():
        if name.isupper():
            yield from {value} if isinstance(value, str) else value


def test_no_other_file_spells_a_code_or_reads_an_answer() -> None:
    codes = set(named())
    assert {"AccessDeniedException", "SlowDown", "TaskTimedOut"} <= codes
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            spelt = isinstance(node, ast.Constant) and node.value in codes
            read = isinstance(node, (ast.Attribute, ast.Subscript)) and ast.unparse(node).startswith(
                ("error.response[", "error.response.get")
            )
            if spelt or read:
                found.append(f"{path.relative_to(PLUGIN)}:{node.lineno}")
    assert found == []
