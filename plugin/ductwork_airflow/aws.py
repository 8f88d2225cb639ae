"""How this package reaches AWS: one place that makes boto3 clients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, user_agent_extra="ductwork", max_pool_connections=32)


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

    def client(self, service: str) -> Any:
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
_OF_ALL = ("endpoints", "partitions", "sdk-default-configuration", "_retry")


def warm_up(*services: str) -> None:
    """Read what botocore's files say of services, once for all processes forked from this one.

    They share the default session but for its credentials, region and profile: a session looks for these when it makes
    its first client, and this makes none.
    """
    # A loader that the session makes asks the profile, which need not exist, for further folders.
    loader = botocore.loaders.create_loader(os.environ.get("AWS_DATA_PATH"))
    session = botocore.session.Session()
    session.register_component("data_loader", loader)
    boto3.setup_default_session(botocore_session=session)
    for service in services:
        for kind in _OF_SERVICES:
            loader.load_service_model(service, kind)
    for name in _OF_ALL:
        loader.load_data(name)
