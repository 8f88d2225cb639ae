"""Verbs of the API that have no counterpart on AWS yet. Each is refused by name, so that the task's log says which."""

from __future__ import annotations

import httpx

from ductwork_airflow.execution_api.router import Call, Handler, Route, unsupported

_UNSERVED = (
    ("POST", "hitlDetails/{ti_id}", "human-in-the-loop operators"),
    ("PATCH", "hitlDetails/{ti_id}", "human-in-the-loop operators"),
    ("GET", "hitlDetails/{ti_id}", "human-in-the-loop operators"),
    ("GET", "connection-tests/{test_id}/connection", "connection tests"),
    ("PATCH", "connection-tests/{test_id}", "connection tests"),
)


def _refusal(verb: str) -> Handler:
    def refuse(call: Call) -> httpx.Response:
        raise unsupported(call, verb)

    return refuse


ROUTES: tuple[Route, ...] = tuple((method, pattern, _refusal(verb)) for method, pattern, verb in _UNSERVED)
