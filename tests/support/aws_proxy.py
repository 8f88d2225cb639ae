"""A proxy before an AWS: a test sees each request and may answer it in the AWS's place."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Call:
    """
    :param action: ``DescribeExecution``, or a path such as ``/v1/describejobs``
    :param access_key: whose signature it carries
    """

    action: str
    access_key: str


# The error's code, one of the next three, or None to let the request through.
BROKEN = "the server breaks"
LOST_BEFORE, LOST_AFTER = "the request is lost", "the reply is lost"
Judge = Callable[[Call], "str | None"]


class Proxy:
    """A context manager.

    :param endpoint: of the AWS behind it
    :ivar url: where it listens
    """

    def __init__(self, endpoint: str, judge: Judge) -> None:
        behind = urlsplit(endpoint).netloc
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(behind, judge))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(behind: str, judge: Judge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            action = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or self.path
            key = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
            code = judge(Call(action, key))
            if code == LOST_BEFORE:
                self.close_connection = True
                return
            if code == BROKEN:
                self._reply(500, [("Content-Type", "application/json")], b"{}")
                return
            if code not in {None, LOST_AFTER}:
                refusal = json.dumps({"__type": code, "message": "refused by the test"}).encode()
                self._reply(400, [("x-amzn-ErrorType", code), ("Content-Type", "application/json")], refusal)
                return
            connection = http.client.HTTPConnection(behind, timeout=60)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                reply = connection.getresponse()
                kept = [(name, value) for name, value in reply.getheaders() if name.lower() not in HOP]
                body = reply.read()
                if code == LOST_AFTER:
                    self.close_connection = True
                    return
                self._reply(reply.status, kept, body)
            finally:
                connection.close()

        do_GET = do_POST

        def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The tests' own assertions say what has come in."""

    return Handler


HOP = {"content-length", "connection", "transfer-encoding", "date", "server"}
