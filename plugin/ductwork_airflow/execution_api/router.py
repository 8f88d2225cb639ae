"""Methods and paths to handlers, and how a handler says no."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any

import httpx
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.execution_api.session import Session


class ApiError(Exception):
    """A refusal in the API's own shape: a status and ``{"detail": {"reason": ..., "message": ...}}``."""

    def __init__(self, status: int, reason: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.detail = {"reason": reason, "message": message, **more}

    def response(self) -> httpx.Response:
        """The refusal as an answer: its status, and ``{"detail": ...}`` as JSON."""
        return httpx.Response(self.status, json={"detail": self.detail})


class InvalidError(ApiError):
    """What the framework of Airflow's server says of a parameter that its handler never sees."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", message)
        self.found = [{"type": "value_error", "loc": ["path", name], "msg": message}]

    def response(self) -> httpx.Response:
        """As FastAPI answers a parameter that does not validate: 422 and ``{"detail": [{"type", "loc", "msg"}]}``."""
        return httpx.Response(self.status, json={"detail": self.found})


@dataclass(frozen=True)
class Call:
    """One request, its path's parameters taken out."""

    session: Session
    params: Mapping[str, str]
    query: httpx.QueryParams
    content: bytes

    # Any: the body is what Airflow's client sends; handlers name its members in :mod:`.bodies`.
    def json(self) -> Any:
        """The body, decoded.

        :raises ApiError: 422, the body is not JSON
        """
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", f"not JSON: {error}") from error

    def needed(self, name: str) -> str:
        """A parameter of the query that must be there."""
        if name not in self.query:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", f"the query lacks {name!r}")
        return str(self.query[name])

    def flag(self, name: str) -> bool:
        """A parameter of the query as a boolean; False if it is missing."""
        return self.query.get(name, "").lower() in {"true", "1"}

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A parameter of the query as an integer; ``default`` if it is missing.

        :raises ApiError: 422, it is not an integer
        """
        text = self.query.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError as error:
            message = f"{name} must be an integer, not {text!r}"
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_payload", message) from error


Handler = Callable[[Call], httpx.Response]
Route = tuple[str, str, Handler]


class Router:
    """The first route that matches wins, so a fixed path goes before one with parameters.

    Patterns: ``{name}`` is one segment, ``{name:path}`` any number of them.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(method, _compile(pattern), handler) for method, pattern, handler in routes]

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler and the parameters of the path, by name; None if no route matches."""
        for route_method, pattern, handler in self._routes:
            if route_method == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        return None


def ok(value: object = None, status: int = HTTPStatus.OK) -> httpx.Response:
    """An answer with ``value`` as JSON; None is ``null``."""
    # httpx would take json=None for no content at all, and null is an answer.
    return httpx.Response(status, content=json.dumps(value), headers={"content-type": "application/json"})


def done() -> httpx.Response:
    """204: done, and nothing to say."""
    return httpx.Response(HTTPStatus.NO_CONTENT)


def not_found(message: str) -> ApiError:
    """404, reason ``not_found``; the supervisor ends a task whose heartbeat gets it."""
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", message)


def invalid_state(message: str, item: TaskItem | None) -> ApiError:
    """409, reason ``invalid_state``, with the state that ``item`` has as ``previous_state``."""
    previous = (item or {}).get("state")
    return ApiError(HTTPStatus.CONFLICT, "invalid_state", message, previous_state=previous)


def unsupported(call: Call, verb: str) -> ApiError:
    """For what Airflow's API has and this one has not."""
    session = call.session
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "unsupported",
        f"Ductwork does not support {verb} (asked for by task {session.task_id!r} of DAG {session.dag_id!r})",
    )


def own(handler: Handler) -> Handler:
    """As Airflow's ``ti:self`` scope: the id in the path must be the one of this session's task instance."""

    @wraps(handler)
    def guarded(call: Call) -> httpx.Response:
        if call.params["id"] != str(call.session.ti_id):
            raise not_found("Task Instance not found")
        return handler(call)

    return guarded


def _compile(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+(?::path)?\})", pattern)
    return re.compile("".join(_parameter(part) if part.startswith("{") else re.escape(part) for part in parts))


def _parameter(part: str) -> str:
    name, _, kind = part[1:-1].partition(":")
    return f"(?P<{name}>{'.*' if kind else '[^/]+'})"
