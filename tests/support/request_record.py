"""What is asked of moto's services, as IAM sees it: who asks, for which action, on what."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_ACCOUNT, _REGION = "123456789012", "us-east-1"
# What Step Functions' SDK calls a service, and IAM.
_SERVICES = {"dynamodb": "dynamodb", "batch": "batch", "states": "states", "events": "events", "logs": "logs"}
# What boto3 calls it.
_OF_CLIENTS = {"stepfunctions": "states", "dynamodb": "dynamodb", "batch": "batch", "events": "events"}
_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
_BATCH = {
    "submitjob": "SubmitJob",
    "describejobs": "DescribeJobs",
    "listjobs": "ListJobs",
    "terminatejob": "TerminateJob",
}
# A write of a transaction needs what it would need alone.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
MACHINE, WORKER, CONTROL = "machine", "worker", "control"
# The access key of a command that does the work of a control job.
AS_CONTROL = "controlling"


@dataclass(frozen=True)
class Asked:
    """
    :param dag: whose run it is
    :param who: :data:`MACHINE`, :data:`WORKER` or :data:`CONTROL`
    :param action: as in a policy
    :param resource: an ARN, or ``*``
    """

    dag: str
    who: str
    action: str
    resource: str


@dataclass
class Record:
    """:ivar asked: what machines and workers ask, within :meth:`of`"""

    asked: set[Asked] = field(default_factory=set)
    _dag: str = ""

    @contextmanager
    def of(self, dag: str) -> Iterator[None]:
        """Record what is asked meanwhile, as a run of this DAG."""
        self._dag = dag
        yield
        self._dag = ""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = DomainDispatcherApplication.__call__

        def call(application: Any, environ: dict[str, Any], start_response: Any) -> Any:
            if self._dag:
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                environ["wsgi.input"] = io.BytesIO(body)
                self._note(environ, body)
            return original(application, environ, start_response)

        monkeypatch.setattr(DomainDispatcherApplication, "__call__", call)
        made = BaseClient._make_api_call

        def make(client: Any, operation: str, request: dict[str, Any]) -> Any:
            """Calls of machines, which come in without HTTP; workers are in other processes."""
            agent = f"{client.meta.config.user_agent} {client.meta.config.user_agent_extra}"
            if self._dag and "a-test" not in agent and "ductwork" not in agent:
                service = _OF_CLIENTS.get(client.meta.service_model.service_name, "")
                for action, resource in _needs(service, operation, request):
                    self.asked.add(Asked(self._dag, MACHINE, f"{service}:{action}", resource))
            return made(client, operation, request)

        monkeypatch.setattr(BaseClient, "_make_api_call", make)

    def _note(self, environ: dict[str, Any], body: bytes) -> None:
        agent = environ.get("HTTP_USER_AGENT", "")
        if "a-test" in agent:
            return
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        who = CONTROL if f"={AS_CONTROL}/" in authorization else WORKER if "ductwork" in agent else MACHINE
        scope = _SCOPE.search(authorization)
        service = _SERVICES[scope[1]] if scope else ""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        operation = operation or _BATCH[environ["PATH_INFO"].rpartition("/")[2]]
        request = json.loads(body or b"{}")
        for action, resource in _needs(service, operation, request):
            self.asked.add(Asked(self._dag, who, f"{service}:{action}", resource))


def _needs(service: str, operation: str, request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "TransactWriteItems":
        for write in request["TransactItems"]:
            ((kind, inner),) = write.items()
            yield _WRITES[kind], _table(inner["TableName"])
    elif operation == "BatchGetItem":
        yield from ((operation, _table(table)) for table in request["RequestItems"])
    elif service == "dynamodb":
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield operation, _table(request["TableName"]) + index
    elif operation == "SubmitJob":
        yield from ((operation, _arn("batch", kind, request[name])) for kind, name in _OF_JOBS)
    elif operation == "TerminateJob":
        yield operation, _arn("batch", "job", request["jobId"])
    elif operation == "PutEvents":
        yield from ((operation, _arn("events", "event-bus", each["EventBusName"])) for each in request["Entries"])
    elif operation in {"DescribeExecution", "GetExecutionHistory", "StopExecution"}:
        yield operation, request["executionArn"]
    elif operation in {"StartExecution", "DescribeStateMachine"}:
        yield operation, request["stateMachineArn"]
    else:
        yield operation, "*"


_OF_JOBS = (("job-queue", "jobQueue"), ("job-definition", "jobDefinition"))


def _table(name: str) -> str:
    return _arn("dynamodb", "table", name)


def _arn(service: str, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:{service}:{_REGION}:{_ACCOUNT}:{kind}/{name}"
