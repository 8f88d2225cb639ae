"""moto's HTTP server, silent, with keep-alive, on a port of 127.0.0.1."""

from __future__ import annotations

import io
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import cast

from ductwork.frame_stack import roomy
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

HOST = "127.0.0.1"
_LAST_ANSWERS_SECONDS = 5.0

log = logging.getLogger(__name__)

_Headers = list[tuple[str, str]]


class _Handler(MotoRequestHandler):  # type: ignore[misc]
    """moto's own answers HTTP/1.0 and logs every request. werkzeug's closes each connection, and waits a hundredth of a
    second before: a connection, a thread and that wait for every request of every worker."""

    protocol_version = "HTTP/1.1"
    timeout = 300  # seconds a client's idle connection keeps its thread
    wbufsize = -1  # an answer is one write

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @roomy
    def handle(self) -> None:
        """Answer the requests of a connection, in a thread of their own."""
        super().handle()

    def run_wsgi(self) -> None:
        """Read a request to its end, so that the next one can follow, and answer it."""
        environ = self.make_environ()
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        terminated = environ.get("wsgi.input_terminated")
        body = environ["wsgi.input"].read() if terminated else self.rfile.read(_length(self.headers["Content-Length"]))
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        status, headers, content = _answer(self.server.app, environ)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"connection", "content-length"}:
                self.send_header(name, value)
        if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """For who asks for debug logs; users do not see them."""
        log.debug("%s %s", self.requestline, code)

    def log(self, type: str, message: str, *args: object) -> None:
        log.debug(message, *args)


def _length(header: str | None) -> int:
    return int(header) if header and header.isdigit() else 0


def _answer(
    app: Callable[[dict[str, object], Callable[..., object]], Iterable[bytes]], environ: dict[str, object]
) -> tuple[int, _Headers, bytes]:
    """Status, headers and content; moto's own failures are told apart from AWS's by their status alone."""
    started: list[tuple[str, _Headers]] = []

    def start_response(status: str, headers: _Headers, exc_info: object = None) -> None:
        started.append((status, headers))

    try:
        parts = app(environ, start_response)
        try:
            content = b"".join(parts)
        finally:
            if close := getattr(parts, "close", None):
                close()
        status, headers = started[-1]
        return int(status.partition(" ")[0]), headers, content
    except Exception:
        # Whatever moto raises, as any WSGI server does it: the client is told 500, which boto3 retries and then raises.
        log.debug("moto has failed", exc_info=True)
        return HTTPStatus.INTERNAL_SERVER_ERROR, [], b""


def _backend_app(service: str) -> object:
    app = create_backend_app(service)
    app.after_request_funcs.clear()
    return app


class _Application(DomainDispatcherApplication):  # type: ignore[misc]
    """moto's own goes through all its services to find the one of a host, twice per request, and adds to every answer
    what a browser would look for."""

    def __init__(self) -> None:
        super().__init__(_backend_app)
        self._backends: dict[str | None, object] = {}

    def get_backend_for_host(self, host: str | None) -> object:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


class _Server(ThreadedWSGIServer):
    """Knows its open connections: each would be answered in its thread after the server has stopped."""

    def __init__(self, port: int) -> None:
        self._open: set[socket.socket] = set()
        self._none_open = threading.Condition()
        super().__init__(HOST, port, _Application(), _Handler)

    # The type that socketserver's own has: one of datagrams, too, or the address of a Unix socket.
    def process_request(self, request: object, client_address: object) -> None:
        with self._none_open:
            self._open.add(cast(socket.socket, request))
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: object) -> None:
        """Close a connection."""
        super().shutdown_request(request)  # type: ignore[arg-type]
        with self._none_open:
            self._open.discard(cast(socket.socket, request))
            self._none_open.notify_all()

    def hang_up(self) -> None:
        """Read no further requests, and wait until what is being answered has been."""
        with self._none_open:
            for connection in self._open:
                # Those whose clients have gone are on their way to be closed.
                _read_no_more(connection)
            self._none_open.wait_for(lambda: not self._open, _LAST_ANSWERS_SECONDS)

    def log(self, type: str, message: str, *args: object) -> None:
        log.debug(message, *args)


def _read_no_more(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError as error:
        log.debug("a connection was closed already: %s", error)


class MotoServer:
    """moto's services of this process over HTTP. Started by :meth:`start`.

    :param port: 0 for a free one
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Returns the port.

        :raises SystemExit: the port is taken, as werkzeug has said on stderr then
        """
        self._server = _Server(self._port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="ductwork-aws", daemon=True
        )
        self._thread.start()
        return int(self._server.server_port)

    def stop(self) -> None:
        """Stop answering, and wait until the last answer has been sent; nothing if it was never started."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        self._server = None
