"""Machines are read from their JSON to just what moto's own parser makes of them."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

import pytest
from antlr4 import CommonTokenStream, InputStream
from ductwork_airflow.embedded_aws.moto_patches import definitions, install
from ductwork_airflow.embedded_aws.moto_patches.definitions import UnknownDefinitionError
from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

GOLDENS = Path(__file__).parents[2] / "golden"
# What goldens do not have, once each.
REST = {
    "Comment": "c",
    "QueryLanguage": "JSONata",
    "Version": "1.0",
    "StartAt": "a",
    "TimeoutSeconds": 5,
    "States": {
        "a": {"Type": "Wait", "Seconds": 0, "Comment": 'a "quoted" one \u00e9 \\u00e9 {%', "Next": "b"},
        "b": {"Type": "Wait", "Timestamp": "2026-01-01T00:00:00Z", "Next": "c"},
        "c": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:getItem",
            "Arguments": "{% $states.input %}",
            "TimeoutSeconds": "{% 5 %}",
            "Retry": [{"ErrorEquals": ["States.Timeout", "Mine"], "JitterStrategy": "FULL", "BackoffRate": 1.5}],
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Assign": {"x": [1, None, 1.5, True]}, "Next": "d"}],
            "Next": "d",
        },
        "d": {
            "Type": "Map",
            "Items": [1, -2, {"a": "$.b", "c": ["{% 1 %}", ""]}],
            "MaxConcurrency": "{% 2 %}",
            "ItemProcessor": {"StartAt": "e", "States": {"e": {"Type": "Pass", "End": True}}},
            "Next": "f",
        },
        "f": {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "g", "Comment": "c"}], "Default": "g"},
        "g": {"Type": "Fail", "Error": "{% 'e' %}", "Cause": "States.ALL"},
    },
}


@pytest.fixture(autouse=True, scope="module")
def patched():
    install.install()


def by_moto(definition: str) -> object:
    parser = ASLParser(CommonTokenStream(ASLLexer(InputStream(definition))))
    return Preprocessor().visit(parser.state_machine())


def spread(part: object) -> object:
    """A component as data that can be compared: its class and all that it holds."""
    if isinstance(part, (list, tuple)):
        return [spread(each) for each in part]
    if isinstance(part, dict):
        return [(key, spread(value)) for key, value in part.items()]
    if type(part).__module__.startswith("moto.") and not isinstance(part, Enum):
        return type(part).__name__, spread(vars(part))
    return part


@pytest.mark.parametrize("name", ["retries", "waiting", "native_mapping"])
def test_a_golden(name):
    golden = json.dumps(json.loads((GOLDENS / f"{name}.asl.json").read_text(encoding="utf-8")))
    assert spread(definitions.program(golden)) == spread(by_moto(golden))


def test_what_no_golden_has():
    text = json.dumps(REST)
    assert spread(definitions.program(text)) == spread(by_moto(text))


@pytest.mark.parametrize(
    "changed",
    [
        {"QueryLanguage": "JSONPath"},
        {"States": {"a": {"Type": "Pass", "Parameters": {}, "End": True}}},
        {"States": {"a": {"Type": "Pass", "Next": 1}}},
        {"States": {"a": {"Type": "Succeed", "Output": {"x.$": "$.y"}}}},
        {"StartAt": None},
        {"States": {"a": {"Type": "Pass", "Next": "a", "End": True}}},
    ],
)
def test_the_rest_is_left_to_moto(changed):
    with pytest.raises(UnknownDefinitionError):
        definitions.program(json.dumps(REST | changed))


def test_a_state_that_is_there_twice_is_left_to_moto():
    state = '"a": {"Type": "Succeed"}'
    with pytest.raises(UnknownDefinitionError):
        definitions.program(f'{{"QueryLanguage": "JSONata", "StartAt": "a", "States": {{{state}, {state}}}}}')
