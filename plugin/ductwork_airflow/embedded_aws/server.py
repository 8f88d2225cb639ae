"""moto's HTTP server, silent, with keep-alive, on a port of 127.0.0.1."""

from __future__ import annotations

import logging
import socket
import threading

from ductwork.frame_stack import roomy
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

HOST = "127.0.0.1"

log = logging.getLogger(__name__)


class _Handler(MotoRequestHandler):  # type: ignore[misc]
    """moto's own answers HTTP/1.0, which costs a connection and a thread per request, and logs every one."""

    protocol_version = "HTTP/1.1"
    timeout = 300  # seconds a client's idle connection keeps its thread

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @roomy
    def handle(self) -> None:
        """Answer the requests of a connection, in a thread of their own."""
        super().handle()

    def log(self, type: str, message: str, *args: object) -> None:
        """Requests and the tracebacks of moto's own failures, for who asks for debug logs; users see neither."""
        log.debug(message, *args)


class _Application(DomainDispatcherApplication):  # type: ignore[misc]
    """moto's own goes through all its services to find the one of a host, twice per request."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._backends: dict[str | None, object] = {}

    def get_backend_for_host(self, host: str | None) -> object:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


class MotoServer:
    """moto's services of this process over HTTP. Started by :meth:`start`.

    :param port: 0 for a free one
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Returns the port.

        :raises SystemExit: the port is taken, as werkzeug has said on stderr then
        """
        self._server = make_server(HOST, self._port, _Application(), threaded=True, request_handler=_Handler)
        self._server.log = lambda type, message, *args: log.debug(message, *args)  # type: ignore[method-assign]
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
        self._server = None
