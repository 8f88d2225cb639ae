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

from ductwork_airflow.aws.errors import ACCESS_DENIED, CLIENT_UNRECOGNIZED, NOT_FOUND, TOKEN_EXPIRED, VALIDATION, code
from ductwork_airflow.execution_api import (
    asset_events,
    assets,
    dag_runs,
    run_starts,
    stores,
    task_instances,
    task_queries,
    task_states,
    unserved,
    variables,
    xcoms,
)
from ductwork_airflow.execution_api.router import ApiError, Call, InvalidError, Router
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
    *run_starts.ROUTES,
    *stores.ROUTES,
    *assets.ROUTES,
    *asset_events.ROUTES,
    *unserved.ROUTES,
)
# Made with the module, so that processes forked after its import have its patterns compiled.
_ROUTER = Router(ROUTES)

# AWS errors that another attempt cannot mend; Airflow's client repeats a request that was answered with a 5xx.
_PERMANENT = frozenset({ACCESS_DENIED, CLIENT_UNRECOGNIZED, NOT_FOUND, TOKEN_EXPIRED, VALIDATION})


class LedgerTransport(httpx.BaseTransport):
    """Answers the requests of Airflow's client from the ledger.

    :param session: the one try that this process runs; handlers keep in it what later requests need
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the route's handler. What it raises becomes an answer too: a refusal, or the fault of AWS."""
        path = request.url.path.removeprefix("/")  # a key may end in slashes
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
        route = _ROUTER.find(request.method, path)
        if route is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "unsupported", f"Ductwork does not know {request.method} {path}")
        handler, params = route
        if empty := next((name for name, value in params.items() if not value), None):
            raise InvalidError(empty, "String should have at least 1 character")
        return handler(Call(self.session, params, request.url.params, request.read()))


def _aws_error(error: ClientError | BotoCoreError) -> ApiError:
    status = HTTPStatus.BAD_REQUEST if code(error) in _PERMANENT else HTTPStatus.SERVICE_UNAVAILABLE
    return ApiError(status, "aws", f"the ledger cannot be reached: {error}")
