"""Where the hook's clients go, with which settings."""

import json

import pytest
from ductwork_airflow.hooks import SETTINGS, DuctworkHook

ENDPOINT = "http://127.0.0.1:4999"


@pytest.fixture
def environment(monkeypatch):
    """No AWS of the machine; ``set(name=value)`` sets variables of the environment."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)

    def put(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value if isinstance(value, str) else json.dumps(value))

    return put


def credentials(client):
    found = client._request_signer._credentials
    return found and (found.access_key, found.secret_key)


def test_an_embedded_aws_needs_no_connection(environment):
    environment(AIRFLOW__DUCTWORK__ENDPOINT_URL=ENDPOINT)
    client = DuctworkHook(aws_conn_id=None).client("batch")
    assert client.meta.endpoint_url == ENDPOINT
    assert client.meta.region_name == "us-east-1"
    assert credentials(client) == ("local", "local")


def test_a_connections_endpoint_comes_first_and_its_credentials_stay(environment):
    environment(
        AIRFLOW__DUCTWORK__ENDPOINT_URL=ENDPOINT,
        AIRFLOW_CONN_LOCALSTACK={
            "conn_type": "aws",
            "login": "key",
            "password": "secret",
            "extra": {
                "region_name": "eu-west-1",
                "service_config": {"batch": {"endpoint_url": "http://127.0.0.1:4566"}},
            },
        },
    )
    hook = DuctworkHook(aws_conn_id="localstack")
    assert hook.client("batch").meta.endpoint_url == "http://127.0.0.1:4566"
    assert hook.client("dynamodb").meta.endpoint_url == ENDPOINT
    assert hook.client("batch").meta.region_name == "eu-west-1"
    assert credentials(hook.client("dynamodb")) == ("key", "secret")


def test_without_an_endpoint_the_clients_go_to_aws_with_all_settings(environment):
    environment(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret")
    settings = {
        "aws_conn_id": None,
        "region_name": "cn-north-1",
        "verify": False,
        "botocore_config": {"read_timeout": 7, "retries": {"mode": "standard", "max_attempts": 3}},
    }
    assert set(settings) == set(SETTINGS)
    hook = DuctworkHook.from_settings(settings)
    client = hook.client("stepfunctions")
    assert client.meta.endpoint_url == "https://states.cn-north-1.amazonaws.com.cn"
    assert hook.place("stepfunctions") == ("aws-cn", "cn-north-1")
    assert client.meta.config.read_timeout == 7
    assert client.meta.config.retries["mode"] == "standard"
    assert client._endpoint.http_session._verify is False


def test_throttling_is_met_with_adaptive_retries_by_default(environment):
    environment(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret")
    client = DuctworkHook(aws_conn_id=None, region_name="eu-west-1").client("batch")
    assert client.meta.config.retries["mode"] == "adaptive"


def test_one_client_per_service_and_others_for_signal_handlers(environment):
    environment(AIRFLOW__DUCTWORK__ENDPOINT_URL=ENDPOINT)
    hook = DuctworkHook(aws_conn_id=None)
    apart = hook.apart()
    assert hook.client("batch") is hook.client("batch")
    assert apart.client("batch") is apart.client("batch")
    assert apart.client("batch") is not hook.client("batch")


def test_a_renewed_hook_reads_the_connection_again(environment):
    connection = {"conn_type": "aws", "login": "old", "password": "old", "extra": {"region_name": "eu-west-1"}}
    environment(AIRFLOW_CONN_ROTATED=connection)
    hook = DuctworkHook.from_settings({"aws_conn_id": "rotated"})
    assert credentials(hook.client("batch")) == ("old", "old")
    environment(AIRFLOW_CONN_ROTATED={**connection, "login": "new", "password": "new"})
    assert credentials(hook.client("dynamodb")) == ("old", "old")
    hook.renew()
    assert credentials(hook.client("batch")) == ("new", "new")
    assert credentials(hook.client("dynamodb")) == ("new", "new")
