"""Airflow's Task Execution API, served from the ledger to the one task that this process runs.

An Airflow task talks to its server through :class:`airflow.sdk.api.client.Client`, an httpx client. Given
:class:`LedgerTransport`, that client needs no server: each request is answered here, in this process, from
DynamoDB. Paths, replies and status codes are those of ``airflow.api_fastapi.execution_api`` (3.1 to 3.3).
"""

from __future__ import annotations

import logging
from http import HTTPStatus

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ductwork_airflow.execution_api import (
    asset_events,
    assets,
    dag_runs,
    stores,
    task_instances,
    task_queries,
    task_states,
    unserved,
    variables,
    xcoms,
)
from ductwork_airflow.execution_api.router import ApiError, Call, Router
from ductwork_airflow.execution_api.session import Session
from ductwork_airflow.ledger import ItemTooLargeError, LedgerError

log = logging.getLogger(__name__)

ROUTES = (
    *task_queries.ROUTES,
    *task_instances.ROUTES,
    *task_states.ROUTES,
    *xcoms.ROUTES,
    *variables.ROUTES,
    *dag_runs.ROUTES,
    *stores.ROUTES,
    *assets.ROUTES,
    *asset_events.ROUTES,
    *unserved.ROUTES,
)

# AWS errors that another attempt cannot mend; Airflow's client repeats a request that was answered with a 5xx.
_PERMANENT = ("AccessDenied", "ResourceNotFound", "Validation", "UnrecognizedClient", "ExpiredToken")


class LedgerTransport(httpx.BaseTransport):
    def __init__(self, session: Session) -> None:
        self.session = session
        self._router = Router(ROUTES)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.strip("/")
        try:
            return self._answer(request, path)
        except ApiError as error:
            if error.detail["reason"] == "unsupported":
                log.warning("%s %s: %s", request.method, path, error)
            return error.response()
        except ItemTooLargeError as error:
            return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "item_too_large", str(error)).response()
        except LedgerError as error:
            return ApiError(HTTPStatus.BAD_REQUEST, "ledger", str(error)).response()
        except (ClientError, BotoCoreError) as error:
            return _aws_error(error).response()

    def _answer(self, request: httpx.Request, path: str) -> httpx.Response:
        found = self._router.find(request.method, path)
        if found is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "unsupported", f"Ductwork does not know {request.method} {path}")
        handler, params = found
        return handler(Call(self.session, params, request.url.params, request.read()))


def _aws_error(error: ClientError | BotoCoreError) -> ApiError:
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    status = HTTPStatus.BAD_REQUEST if code.startswith(_PERMANENT) else HTTPStatus.SERVICE_UNAVAILABLE
    return ApiError(status, "aws", f"the ledger cannot be reached: {error}")
