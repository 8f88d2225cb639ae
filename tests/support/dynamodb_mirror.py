"""A second DynamoDB beside that of an embedded AWS: every request is made of both, and both have to answer the same.

It stands between an embedded AWS and all that calls it, machines and workers; requests of other services pass through.
Requests of DynamoDB are made one at a time, so that both see them in the same order.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from aws_proxy import HOP
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.embedded_aws.services import CREDENTIALS, EmbeddedAws

_TARGET = "DynamoDB_20120810."
# What dynalite has not, and what describes the server rather than the items.
_NOT_COMPARED = {"CreateTable", "DescribeTable", "ListTables", "UpdateTimeToLive", "DescribeTimeToLive"}
# Node closes a connection that has had no request for five seconds.
_KEPT_SECONDS = 2.0
_Answer = tuple[int, Any, bytes]
_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}


class Mirror:
    """
    :param endpoint: of the embedded AWS, whose answers are given
    :param other: of the other DynamoDB
    :ivar differences: requests that were answered differently, and how
    :ivar calls: how many requests of each operation were made of both
    """

    def __init__(self, endpoint: str, other: str) -> None:
        self._endpoint = urlsplit(endpoint).netloc
        self._tables, self._other = _Connection(self._endpoint), _Connection(urlsplit(other).netloc)
        self._lock = threading.Lock()
        self.differences: list[str] = []
        self.calls: Counter[str] = Counter()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        target = headers.get("X-Amz-Target", "")
        if not target.startswith(_TARGET):
            with closing(_Connection(self._endpoint)) as connection:
                return connection.request(method, path, headers, body)
        operation = target.removeprefix(_TARGET)
        with self._lock:
            answer = self._tables.request(method, path, headers, body)
            self._compare(operation, headers, body, answer)
        return answer

    def close(self) -> None:
        with self._lock:
            self._tables.close()
            self._other.close()

    def _compare(self, operation: str, headers: dict[str, str], body: bytes, answer: _Answer) -> None:
        if operation == "TransactWriteItems":
            # dynalite has no transactions: what moto has written, it writes one by one.
            for item in json.loads(body)["TransactItems"] if answer[0] == 200 else ():
                for kind, request in item.items():
                    if kind in _WRITES:
                        self._ask(_WRITES[kind], headers, json.dumps(request).encode(), (200, None, b"{}"))
        else:
            self._ask(operation, headers, body, answer)

    def _ask(self, operation: str, headers: dict[str, str], body: bytes, answer: _Answer) -> None:
        named = headers | {"X-Amz-Target": _TARGET + operation}
        other = self._other.request("POST", "/", named, body)
        if operation in _NOT_COMPARED:
            return
        self.calls[operation] += 1
        one, two = _comparable(answer, body), _comparable(other, body)
        if one != two:
            self.differences.append(f"{operation} {body.decode()}\n  embedded {one}\n  other    {two}")


class _Connection:
    """Kept from one request to the next. One thread at a time."""

    def __init__(self, netloc: str) -> None:
        self._http = http.client.HTTPConnection(netloc, timeout=900)
        self._used = time.monotonic()

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        if time.monotonic() - self._used > _KEPT_SECONDS:
            self.close()
        kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "content-length"}}
        self._http.request(method, path, body, kept)
        reply = self._http.getresponse()
        answer = reply.status, reply.getheaders(), reply.read()
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        """The next request opens it again."""
        self._http.close()


def _comparable(answer: _Answer, request: bytes) -> str:
    """Status and content; of errors the name alone, for their texts are each server's own."""
    status, _, body = answer
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


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # an answer is one write

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = mirror.answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_POST

        def log_message(self, *_: object) -> None:
            """The mirror says what differs."""

    return Handler


@contextmanager
def mirrored(aws: EmbeddedAws, other: str) -> Iterator[Mirror]:
    """From here on everything that calls this AWS, its machines too, goes through a mirror."""
    mirror = Mirror(aws.endpoint_url, other)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(mirror))
    server.daemon_threads = True
    port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # The interpreter's own clients go by this variable.
    os.environ["MOTO_PORT"] = str(port)
    aws.endpoint_url = f"http://127.0.0.1:{port}"
    aws.aws = Aws(region_name=aws.aws.region_name, endpoint_url=aws.endpoint_url, credentials=CREDENTIALS)
    try:
        yield mirror
    finally:
        server.shutdown()
        server.server_close()
        mirror.close()
