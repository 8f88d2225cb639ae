"""How the Airflow side of this package reaches AWS: the Amazon provider's connection, one client per service.

Nothing new to configure: ``aws_conn_id`` names a connection of the Amazon provider (type ``aws``), with all that its
extra may say (roles, ``endpoint_url``, ``service_config``, ``config_kwargs``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypedDict, cast

import boto3
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.config import Config
from ductwork.contracts.json_types import JsonObject

_DEFAULTS = Config(retries={"mode": "adaptive", "max_attempts": 8}, max_pool_connections=32)
# Of the embedded AWS, which checks neither.
_EMBEDDED_CREDENTIALS = ("local", "local")
_EMBEDDED_REGION = "us-east-1"

# The hook settings that operator and trigger carry, by the names of the provider's operators.
SETTINGS = ("aws_conn_id", "region_name", "verify", "botocore_config")


class HookSettings(TypedDict):
    """Values of :data:`SETTINGS`; None is the provider's default."""

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: JsonObject | None


def settings_of(operator: object) -> HookSettings:
    """The hook settings of an operator, for the hook that acts for it elsewhere.

    :param operator: has an attribute of each name of :data:`SETTINGS`
    """
    return cast(HookSettings, {name: getattr(operator, name) for name in SETTINGS})


class DuctworkHook(AwsGenericHook):  # type: ignore[misc]
    """Makes boto3 clients: the ``Clients`` of :mod:`ductwork_airflow.aws.clients`.

    Where to find AWS is decided in this order: the connection's ``service_config`` or ``endpoint_url``, then
    ``[ductwork] endpoint_url``, then AWS itself. With ``[ductwork] endpoint_url`` and no connection, credentials that
    mean nothing are used and the Region defaults to us-east-1, so that a laptop needs no AWS account.

    :param aws_conn_id: a connection of type ``aws``; one that does not exist, or None, means boto3's own chain
    :param region_name: before the connection's
    :param verify: whether, or by which CA bundle, TLS certificates are checked
    :param config: botocore configuration, as ``botocore_config`` of the operators
    """

    def __init__(
        self,
        aws_conn_id: str | None = AwsGenericHook.default_conn_name,
        verify: bool | str | None = None,
        region_name: str | None = None,
        config: Config | JsonObject | None = None,
    ) -> None:
        super().__init__(aws_conn_id=aws_conn_id, verify=verify, region_name=region_name, config=config)
        self._clients: dict[str, object] = {}
        self._lock = threading.Lock()  # making a client from a session is not thread-safe, using one is

    @classmethod
    def from_settings(cls, settings: HookSettings) -> DuctworkHook:
        """What is left out is the default."""
        return cls(
            aws_conn_id=settings.get("aws_conn_id"),
            verify=settings.get("verify"),
            region_name=settings.get("region_name"),
            config=settings.get("botocore_config"),
        )

    # Any: which client it is follows from the service, as the overloads of Clients say.
    def client(self, service: str) -> Any:
        """The boto3 client for ``service``, always the same one."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def renew(self) -> None:
        """Forget clients, session and connection: the next client reads them again. Someone may have changed the
        connection, or a secrets backend rotated it.
        """
        with self._lock:
            self._clients.clear()
            for cached in ("_session", "conn_config"):
                self.__dict__.pop(cached, None)

    def apart(self) -> SignalClients:
        """Clients for a signal handler, which may have interrupted a call of the others with their locks held."""
        return SignalClients(self._make)

    def _make(self, service: str) -> object:
        return self._session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.conn_config.get_service_endpoint_url(service) or configured_endpoint(),
            config=_DEFAULTS.merge(self._get_config()),
            verify=self.verify,
        )

    def place(self, service: str) -> tuple[str, str]:
        """Partition (``aws``, ``aws-cn``, ``aws-us-gov``) and Region of a service's client."""
        meta = self.client(service).meta
        return str(meta.partition), str(meta.region_name)

    @cached_property
    def _session(self) -> boto3.session.Session:
        if configured_endpoint() and not self._has_connection:
            key_id, secret = _EMBEDDED_CREDENTIALS
            return boto3.session.Session(key_id, secret, region_name=self.region_name or _EMBEDDED_REGION)
        session: boto3.session.Session = self.get_session(region_name=self.region_name)
        return session

    @property
    def _has_connection(self) -> bool:
        return isinstance(self.conn_config.conn_id, str)


class SignalClients:
    """New clients of a hook's session. Nothing is asked of Airflow's supervisor once the hook has been used."""

    def __init__(self, make: Callable[[str], object]) -> None:
        self._make = make
        self._clients: dict[str, object] = {}

    # Any: as of the hook.
    def client(self, service: str) -> Any:
        """A low-level boto3 client, made once for each service."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]


def configured_endpoint() -> str | None:
    """``[ductwork] endpoint_url``: one address for every service, e.g. of an embedded AWS."""
    from airflow.configuration import conf

    return conf.get("ductwork", "endpoint_url", fallback=None) or None
