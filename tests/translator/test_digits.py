"""Values of users pass through a machine as text: no digit is lost where JSONata would print fifteen."""

from __future__ import annotations

import json

import pytest
from compiling import compile_text, only_artefact
from ductwork.backends.stepfunctions.asl.printer import code
from ductwork.backends.stepfunctions.asl.scope import INPUT
from ductwork.backends.stepfunctions.waits.join import JoinStates
from jsonata_eval import evaluate, evaluate_leaves
from jsonata_reference import judged

DIGITS = ["1764437493415123", "1234567890123456789", "0.1234567890123456", "1e400", "007", "-0"]


@pytest.fixture(scope="module", autouse=True)
def both_engines():
    with judged():
        yield


def arguments(tmp_path, task, name):
    made = json.loads(only_artefact(compile_text(tmp_path, f"with DAG('case'):\n    {task}\n")).text())
    found = [made["States"]]
    while found:
        states = found.pop()
        if name in states:
            return states[name]["Arguments"]
        found += [state["ItemProcessor"]["States"] for state in states.values() if "ItemProcessor" in state]
    raise AssertionError(name)


def test_what_instances_are_expanded_over(tmp_path):
    texts = [{"n": text} for text in DIGITS]
    task = f"BatchOperator.partial(task_id='t', job_name='j', job_queue='q', job_definition='d').expand(parameters={texts})"
    request = arguments(tmp_path, task, "t[n]")
    for index, text in enumerate(DIGITS):
        assert evaluate_leaves(request, {"index": index, "run": {"done": {}}})["Parameters"] == {"n": text}


def test_parameters_and_variables_of_a_job(tmp_path):
    given = {text: text for text in DIGITS}
    environment = [{"name": f"N{number}", "value": text} for number, text in enumerate(DIGITS)]
    task = (
        "BatchOperator(task_id='t', job_name='j', job_queue='q', job_definition='d', "
        f"parameters={given} | {{'run': '{{{{ run_id }}}} 1234567890123456789'}}, "
        f"container_overrides={{'environment': {environment}}})"
    )
    run = {"id": "manual__1234567890123456789", "region": "eu-west-1", "hash": "0"}
    request = evaluate_leaves(arguments(tmp_path, task, "t"), {"run": run})
    assert request["Parameters"] == {**given, "run": "manual__1234567890123456789 1234567890123456789"}
    values = [variable["Value"] for variable in request["ContainerOverrides"]["Environment"]]
    assert [value for value in values if value in DIGITS] == DIGITS


@pytest.mark.parametrize("spelling", ["SS", "Ss"])
def test_sets_are_read_in_either_spelling(spelling):
    """DynamoDB's own, and the one that is reported of Step Functions' SDK integration."""
    join = JoinStates("j", ("a", "b"), rule=None, marks=("c",), mapped=frozenset({"b"}))
    item = {
        "told": {spelling: ["a", "b"]},
        "success": {spelling: ["a", "b"]},
        "failed": {spelling: ["b"]},
        "marked": {spelling: ["a", "c"]},
        "token": {"S": "t"},
        "awaited": {"N": "2"},
    }
    bindings = {"states": {"input": {"the join": item}}}
    read = INPUT.field("the join")
    assert evaluate(code(join.ready(read)), bindings) is True
    found = evaluate(code(join.outcomes(read)), bindings)
    assert found == {"a": "success", "b": ["success", "failed"], "c": "skipped"}
    del item["told"]
    assert evaluate(code(join.ready(read)), bindings) is False
