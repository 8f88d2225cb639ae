"""Calls of moto's interpreter to moto's own services, which are in this process: no HTTP between them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit, urlunsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from moto import backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import MockRawResponse
from moto.core.exceptions import HTTPException
from moto.core.request import normalize_request

# What machines call most; the others are asked over HTTP.
SERVICES = frozenset({"batch", "dynamodb", "stepfunctions"})
# moto finds a handler by AWS's own hosts.
_HOST = "{}.{}.amazonaws.com"
_Handler = Callable[..., tuple[int, HTTPHeaders, str | bytes]]
_ports: set[int] = set()


@contextlib.contextmanager
def served_at(port: int) -> Iterator[None]:
    """Where this process serves its own services. Calls to another port, where a proxy may stand before them, are sent
    there."""
    _ports.add(port)
    try:
        yield
    finally:
        _ports.discard(port)


class Answers:
    """A handler of botocore's ``before-send``: what moto answers to a request of one service.

    :param service: as boto3 names it
    """

    def __init__(self, service: str, region: str) -> None:
        self._host = _HOST.format({"stepfunctions": "states"}.get(service, service), region)
        backend = backends.get_backend(service)[DEFAULT_ACCOUNT_ID][region]
        self._handlers: Sequence[tuple[re.Pattern[str], _Handler]] = [
            (re.compile(url), handler) for url, handler in backend.urls.items()
        ]

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """None, so that the request is sent, where it goes elsewhere or moto has no handler."""
        parts = urlsplit(request.url)
        if parts.port not in _ports:
            return None
        url = urlunsplit(("https", self._host, parts.path, parts.query, ""))
        clean = url.partition("?")[0]
        handler = next((handler for pattern, handler in self._handlers if pattern.match(clean)), None)
        if handler is None:
            return None
        request.url = url
        normal = normalize_request(request)
        try:
            status, headers, body = handler(normal, normal.raw_url, normal.headers)
        except HTTPException as error:
            status, headers, body = error.code, error.get_headers(), error.get_body()
        return AWSResponse(url, status, headers, MockRawResponse(body))
