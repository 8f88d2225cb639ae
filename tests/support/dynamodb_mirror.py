"""A second DynamoDB beside moto's: every request that moto has answered is made of it, too, and both answer the same.

What moto answers in this process is written down, in the order in which it carried it out, whether it came over HTTP or
from its own interpreter. Afterwards the other one is asked the same, one request after the other.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from ductwork_airflow.embedded_aws.moto_patches import install
from moto.dynamodb.responses import DynamoHandler

_TARGET = "DynamoDB_20120810."
# What dynalite has not, and what describes the server rather than the items.
_NOT_COMPARED = {"CreateTable", "DescribeTable", "ListTables", "UpdateTimeToLive", "DescribeTimeToLive"}
_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
# dynalite asks for a signature, and does not look into it.
_SIGNED = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20260101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}


@dataclass(frozen=True)
class _Answered:
    operation: str
    request: bytes
    status: int
    answer: bytes


class Mirror:
    """
    :ivar differences: requests that were answered differently, and how
    :ivar calls: how many requests of each operation were made of both
    """

    def __init__(self) -> None:
        self._answered: list[_Answered] = []
        self._lock = threading.RLock()
        self.differences: list[str] = []
        self.calls: Counter[str] = Counter()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Write down what moto answers meanwhile."""
        install.install()
        original = DynamoHandler.call_action

        def call_action(handler: DynamoHandler) -> Any:
            operation, request = handler.headers["X-Amz-Target"].removeprefix(_TARGET), handler.raw_body
            with self._lock:
                status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, b""
                try:
                    status, headers, answer = original(handler)
                finally:  # moto may have failed
                    self._answered.append(_Answered(operation, _bytes(request), int(status), _bytes(answer)))
            return status, headers, answer

        DynamoHandler.call_action = call_action
        try:
            yield
        finally:
            DynamoHandler.call_action = original

    def compare(self, other: str) -> None:
        """Ask the other one.

        :param other: its endpoint
        """
        connection = http.client.HTTPConnection(urlsplit(other).netloc, timeout=900)
        for made in self._answered:
            if made.operation == "TransactWriteItems":
                # dynalite has no transactions: what moto has written, it writes one by one.
                for item in json.loads(made.request)["TransactItems"] if made.status == 200 else ():
                    for kind, request in item.items():
                        if kind in _WRITES:
                            self._ask(connection, _Answered(_WRITES[kind], json.dumps(request).encode(), 200, b"{}"))
            else:
                self._ask(connection, made)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, made: _Answered) -> None:
        connection.request("POST", "/", made.request, _SIGNED | {"X-Amz-Target": _TARGET + made.operation})
        reply = connection.getresponse()
        status, answer = reply.status, reply.read()
        if made.operation in _NOT_COMPARED:
            return
        self.calls[made.operation] += 1
        one, two = (_comparable(*each, made.request) for each in ((made.status, made.answer), (status, answer)))
        if one != two:
            self.differences.append(f"{made.operation} {made.request.decode()}\n  embedded {one}\n  other    {two}")


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _comparable(status: int, body: bytes, request: bytes) -> str:
    """Status and content; of errors the name alone, for their texts are each server's own."""
    content = json.loads(body or b"{}")
    if status != 200:
        return f"{status} {content.get('__type', '').rpartition('#')[2]}"
    # moto says it unasked; by DynamoDB's API reference it is there only with ReturnConsumedCapacity.
    content.pop("ConsumedCapacity", None)
    if content.get("Count", 0) == json.loads(request).get("Limit"):
        # moto leaves it out where nothing follows; DynamoDB, by its guide, cannot know and has it.
        content.pop("LastEvaluatedKey", None)
    return f"{status} {json.dumps(_sorted(content), sort_keys=True)}"


def _sorted(value: Any) -> Any:
    """Sets have no order."""
    if isinstance(value, dict):
        return {
            name: sorted(inner) if name in {"SS", "NS"} and isinstance(inner, list) else _sorted(inner)
            for name, inner in value.items()
        }
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value
