"""How this package reaches AWS: who makes boto3 clients, and one place that does."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_stepfunctions import SFNClient

_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, user_agent_extra="ductwork", max_pool_connections=32)


class Clients(Protocol):
    """Whatever makes boto3 clients: :class:`Aws`, or an Airflow hook."""

    @overload
    def client(self, service: Literal["batch"]) -> BatchClient: ...
    @overload
    def client(self, service: Literal["dynamodb"]) -> DynamoDBClient: ...
    @overload
    def client(self, service: Literal["logs"]) -> CloudWatchLogsClient: ...
    @overload
    def client(self, service: Literal["stepfunctions"]) -> SFNClient: ...
    def client(self, service: Service) -> object:
        """A boto3 client."""


Service = Literal["batch", "dynamodb", "logs", "stepfunctions"]


@dataclass(frozen=True)
class Aws:
    """Where to find AWS. Everything left out comes from boto3's own chain (environment, profile, role).

    :param region_name: e.g. ``eu-west-1``
    :param endpoint_url: one endpoint for every service, for an embedded AWS
    :param credentials: ``(access key id, secret access key)``; only the embedded AWS passes them
    """

    region_name: str | None = None
    endpoint_url: str | None = None
    credentials: tuple[str, str] | None = None

    # Any: which client it is follows from the service, as the overloads of Clients say.
    def client(self, service: str) -> Any:
        """A new low-level boto3 client, e.g. of ``stepfunctions``."""
        key_id, secret = self.credentials or (None, None)
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=self.region_name,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=_CONFIG,
        )


# What botocore reads for a client: of each service, and of all.
_OF_SERVICES = ("service-2", "endpoint-rule-set-1")
_Variables = dict[str, tuple[None, None, str | None, None]]
_WITHOUT_USERS: _Variables = {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "profile": (None, None, None, None),
}
_NOWHERE = "http://127.0.0.1:9"
_OF_ALL = ("endpoints", "partitions", "sdk-default-configuration", "_retry")


def warm_up(*services: str) -> None:
    """Read what botocore's files say of services, once for all processes forked from this one.

    They share the default session, except its credentials, region and profile: a session looks for these when it makes
    its first client, and this makes none with it. What making one imports and compiles besides is rehearsed with
    another.
    """
    session = new_session()
    boto3.setup_default_session(botocore_session=session)
    loader = session.get_component("data_loader")
    for service in services:
        for kind in _OF_SERVICES:
            loader.load_service_model(service, kind)
    for name in _OF_ALL:
        loader.load_data(name)
    rehearsal = new_session(_WITHOUT_USERS)
    for service in services:
        rehearsal.create_client(
            service,
            "eu-west-1",
            endpoint_url=_NOWHERE,
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
            config=_CONFIG,
        )


def new_session(variables: _Variables | None = None) -> botocore.session.Session:
    """A session that shares what is read of botocore's files, and nothing else, with the others made here.

    :param variables: of the session, in the place of botocore's own: name in the file, in the environment, default, and
        conversion
    """
    session = botocore.session.Session(variables)
    # A loader that the session makes asks the profile, which need not exist, for further folders.
    session.register_component("data_loader", _loader(os.environ.get("AWS_DATA_PATH")))
    return session


@functools.cache
def _loader(folders: str | None) -> botocore.loaders.Loader:
    return botocore.loaders.create_loader(folders)
