"""What Airflow is told of this package."""

import dataclasses
import importlib

import jsonschema
import pytest
from airflow.providers_manager import _create_provider_info_schema_validator
from ductwork.ir import Deployment
from ductwork_airflow.provider import get_provider_info


def test_airflow_accepts_the_provider_info():
    _create_provider_info_schema_validator().validate(get_provider_info())


def test_airflow_would_refuse_an_ill_formed_one():
    with pytest.raises(jsonschema.ValidationError):
        _create_provider_info_schema_validator().validate({**get_provider_info(), "config": {"ductwork": {}}})


def test_every_deployment_value_that_is_one_text_is_a_documented_option():
    options = get_provider_info()["config"]["ductwork"]["options"]
    values = {field.name for field in dataclasses.fields(Deployment)} - {"environment", "tags", "secrets", "volumes"}
    assert values <= set(options)
    assert {"ledger_table", "role_arn", "endpoint_url"} <= set(options)
    assert all(option["description"].endswith(".") for option in options.values())
    assert {name for name, option in options.items() if option["default"]} == {"delegate_tag"}


def test_whatever_the_info_names_exists():
    info = get_provider_info()
    for kind in ("operators", "hooks", "triggers"):
        for integration in info[kind]:
            for module in integration["python-modules"]:
                importlib.import_module(module)
    for path in info["extra-links"]:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name).xcom_key.startswith("ductwork_")
