"""Templates: sound to CloudFormation's own linter, and saying of a DAG exactly what it was compiled to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfn_lint_check import lint_template
from code_cases import bash, in_dag
from compiling import codes, write_dag
from cut_dag import cut
from ductwork.cloudformation import dag_stack, manifest_state, shared_stack
from ductwork.cloudformation.call_permissions import CALLS
from ductwork.cloudformation.compiling import Stacks, compile_stacks
from ductwork.cloudformation.intrinsics import places_of
from ductwork.cloudformation.machine_policy import INTEGRATIONS
from ductwork.cloudformation.statements import EVERYTHING
from ductwork.compiler import Options, compile_paths
from ductwork.contracts import machine_bundle

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "dags"
# DAGs that between them have every resource, every statement and every integration; all of them with --long.
NAMES = (
    "aws_calls",
    "aws_sensors",
    "aws_jobs",
    "aws_services",
    "batch_templates",
    "crossing",
    "empty_dag",
    "kubernetes_pods",
    "limited_mapping",
    "retries",
    "run_settings",
)
DAGS = [GOLDEN / f"{name}.py" for name in NAMES]
LINTED = {("batch_templates", "batch"), ("kubernetes_pods", "states"), ("limited_mapping", "states")}
ENGINES = ("states", "batch")
MACHINE = "AWS::StepFunctions::StateMachine"


@cache
def compiled(engine: str) -> Stacks:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AIRFLOW__DUCTWORK__PLATFORM", "ec2")
        return compile_stacks([str(path) for path in DAGS], Options(engine=engine))


def stack_of(dag: str, engine: str) -> Any:
    return next(each for each in compiled(engine).stacks if each.dag_id.startswith(dag))


def test_the_shared_template_is_sound():
    assert lint_template(json.dumps(shared_stack.template())) == []


def test_the_shared_template_is_the_same_in_every_process():
    """Another one would be a change of the stack each time."""
    command = [sys.executable, "-c", "from ductwork.cli.main import main; main()", "stack"]
    made = {
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert [json.loads(text) for text in made] == [shared_stack.template()]


@pytest.mark.parametrize(("dag", "engine"), sorted(LINTED))
def test_templates_of_dags_are_sound(dag, engine):
    assert lint_template(stack_of(dag, engine).text) == []


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_all_templates_are_sound(engine, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__PLATFORM", "ec2")
    made = compile_stacks([str(path) for path in sorted(GOLDEN.glob("*.py"))], Options(engine=engine))
    assert len(made.stacks) > 25
    assert {each.dag_id: found for each in made.stacks if (found := lint_template(each.text))} == {}


def test_the_linter_sees_what_a_policy_must_not_say():
    text = stack_of("limited_mapping", "states").text
    found = lint_template(text.replace("dynamodb:GetItem", "dynamodb:GetThing"))
    assert {each.split()[0] for each in found} == {"W3037"}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_machine_in_a_template_is_the_one_that_is_compiled(engine):
    """With the places of the template in it, and nothing else that was not there before."""
    for stack in compiled(engine).stacks:
        plain = next(each for each in plainly(engine) if each.dag_id == stack.dag_id)
        definition = machine_bundle.read(plain.document)["definition"]
        assert json.loads(definition_text(stack)) == filled(definition), stack.dag_id


@cache
def plainly(engine: str) -> Any:
    from ductwork.cloudformation.compiling import FALLBACK

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AIRFLOW__DUCTWORK__PLATFORM", "ec2")
        return compile_paths([str(path) for path in DAGS], Options(engine=engine, fallback=FALLBACK)).artefacts


def filled(definition: Mapping[str, Any]) -> Any:
    text = json.dumps(definition)
    text = text.replace('"Resource": "arn:aws:states', '"Resource": "arn:<AWS::Partition>:states')
    text = text.replace("${JobQueue}", "<JobQueueArn>").replace("${LedgerTable}", "<LedgerTable>")
    return json.loads(re.sub(r"ductwork-([0-9a-f]{16})", r"<Job\1>", text))


def definition_text(stack: Any) -> str:
    """The root's definition as CloudFormation makes it of the template, each reference as its name in <>."""
    properties = stack.template["Resources"]["Machine"]["Properties"]
    if "DefinitionString" in properties:
        return resolved(properties["DefinitionString"])
    text = stack.files[properties["DefinitionS3Location"]["Key"]]
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace(f"${{{name}}}", resolved(value))
    return text


def resolved(value: Any) -> str:
    if isinstance(value, str):
        return value
    ((call, argument),) = value.items()
    if call == "Fn::Join":
        return "".join(map(resolved, argument[1]))
    if call == "Fn::ImportValue":
        return "<" + argument["Fn::Sub"].removeprefix("${SharedStack}-") + ">"
    assert call == "Ref", value
    return f"<{argument}>"


def test_definitions_that_a_template_has_no_room_for_are_read_from_a_bucket(tmp_path):
    """The places in them are filled by CloudFormation, and the root begins with what its tasks are."""
    tasks = [bash(f"t{number}") for number in range(12)]
    path = write_dag(tmp_path, in_dag(*tasks, ">> ".join(f"t{number}" for number in range(12))))
    stack = dag_stack.of(*cut(path), dag_stack.Further(template_bytes=20_000))
    machines = {name: each for name, each in stack.template["Resources"].items() if each["Type"] == MACHINE}
    assert len(machines) > 1
    for each in machines.values():
        properties = each["Properties"]
        text = stack.files[properties["DefinitionS3Location"]["Key"]]
        assert properties["DefinitionS3Location"]["Bucket"] == {"Ref": "DefinitionsBucket"}
        assert places_of(text) == properties["DefinitionSubstitutions"].keys()
    root = json.loads(stack.files[machines["Machine"]["Properties"]["DefinitionS3Location"]["Key"]])
    assert root["StartAt"] == manifest_state.STATE
    assert {each["DeletionPolicy"] for name, each in machines.items() if name != "Machine"} == {"Retain"}
    assert lint_template(stack.text) == []


def test_every_integration_that_is_emitted_has_a_policy():
    emitted = {
        resource
        for engine in ENGINES
        for artefact in plainly(engine)
        for resource in re.findall(r'"Resource":"(arn:aws:states:::[^"]+)"', artefact.text())
    }
    known = INTEGRATIONS.keys() | {f"arn:aws:states:::{call}" for call in CALLS}
    assert emitted <= known
    assert known - emitted == {machine_bundle.START}


def statements() -> list[tuple[str, Any]]:
    """All statements of all roles, with the DAG."""
    return [
        (stack.dag_id, statement)
        for engine in ENGINES
        for stack in compiled(engine).stacks
        for resource in stack.template["Resources"].values()
        for policy in resource.get("Properties", {}).get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_no_policy_has_a_wildcard_that_the_documentation_does_not_explain():
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", page.partition("## What the roles may do")[2]))
    everywhere = {
        action for _, statement in statements() if EVERYTHING in statement["Resource"] for action in statement["Action"]
    }
    assert everywhere - explained == set()
    assert [each for each in statements() if any("*" in action for action in each[1]["Action"])] == []


def test_a_task_that_needs_nothing_adds_nothing(tmp_path):
    """Of a DAG without a worker there is neither a worker's role nor an image."""
    path = write_dag(tmp_path, in_dag("EmptyOperator(task_id='nothing')"))
    (stack,) = compile_stacks([str(path)], Options()).stacks
    assert set(stack.template["Resources"]) == {
        "MachineLog",
        "MachineRole",
        "Machine",
        "RunsFailed",
        "RunsTimedOut",
        "RunsThrottled",
        "BrokenRuns",
    }
    assert "WorkerImage" not in stack.template["Parameters"]


def test_what_has_no_room_in_a_stack_is_said(tmp_path):
    jobs = [
        f"BatchOperator(task_id='t{n}', job_name='j', job_queue='q', job_definition='{'d' * 100}-{n}')"
        for n in range(230)
    ]
    made = compile_stacks([str(write_dag(tmp_path, in_dag(*jobs)))], Options())
    assert codes(made.compiled.diagnostics) == ["DW345"]
    assert made.stacks == []
    few = compile_stacks([str(write_dag(tmp_path, in_dag(*jobs[:60]), name="few.py"))], Options())
    assert codes(few.compiled.diagnostics) == []
    policies = [
        each for each in few.stacks[0].template["Resources"].values() if each["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    assert len(policies) > 1
