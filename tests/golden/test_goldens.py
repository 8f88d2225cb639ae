"""Every DAG of golden/dags compiles to exactly the JSON beside it; ``pytest --update-goldens`` writes the JSON anew."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from asl_check import assert_sound
from asl_requests import SUBSTITUTIONS, check_submit, register_errors, submit_errors
from cfn_lint_check import lint_machines
from compiling import compile_files, only_artefact
from ductwork.compiler import to_json

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "dags"
CASES = sorted(path.stem for path in (HERE / "dags").glob("*.py"))
SUFFIX = {"stepfunctions": "asl", "batch": "batch"}
# As a chain that a state machine submits; all are checked, these are recorded.
ENGINE_CASES = {"batch_templates", "chain", "crossing", "retries", "teardown"}
# What a job chain cannot say, and how it says so.
REFUSED = {
    "mapping": {"DW304"},
    "limited_mapping": {"DW304", "DW306", "DW308"},
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def made(case):
    path = HERE / "dags" / f"{case}.py"
    targets = SUFFIX if case not in REFUSED else ("stepfunctions",)
    return {target: only_artefact(compile_files(path, target=target)) for target in targets}


@pytest.mark.parametrize("target", SUFFIX)
def test_the_json_is_as_recorded(case, made, target, request):
    if target not in made:
        refused = compile_files(HERE / "dags" / f"{case}.py", target=target)
        assert {finding.code for finding in refused.diagnostics} == REFUSED[case]
        assert refused.artefacts == []
        return
    golden = HERE / f"{case}.{SUFFIX[target]}.json"
    text = made[target].text(indent=True)
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"see what changed, then: pytest {__file__} --update-goldens"


@pytest.mark.parametrize("case", sorted(ENGINE_CASES))
def test_the_machine_that_submits_the_chain_is_as_recorded(case, request):
    golden = HERE / f"{case}.engine.json"
    text = only_artefact(compile_files(HERE / "dags" / f"{case}.py", engine="batch")).text(indent=True)
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"see what changed, then: pytest {__file__} --update-goldens"


def test_the_machine_is_sound(made):
    assert_sound(json.loads(made["stepfunctions"].text()))


def test_the_machine_that_submits_the_chain_is_sound(case):
    compiled = compile_files(HERE / "dags" / f"{case}.py", engine="batch")
    if case in REFUSED:
        assert {finding.code for finding in compiled.diagnostics} == REFUSED[case]
        assert compiled.artefacts == []
    else:
        assert_sound(json.loads(only_artefact(compiled).text()))


def test_cfn_lint_accepts_all_machines():
    files = [*(HERE / "dags").glob("*.py"), *EXAMPLES.glob("*.py")]
    machines = [json.loads(only_artefact(compile_files(path)).text()) for path in sorted(files)]
    chains = [compile_files(path, engine="batch").artefacts for path in sorted(files)]
    machines += [json.loads(artefact.text()) for artefacts in chains for artefact in artefacts]
    assert [found for found in lint_machines(machines) if found] == []


def test_the_job_chain_is_sound(case, made):
    if case in REFUSED:
        assert "batch" not in made
        return
    chain = json.loads(made["batch"].text())
    assert chain["version"] == 1
    names = [job["name"] for job in chain["jobs"]]
    assert len(names) == len(set(names))
    for number, job in enumerate(chain["jobs"]):
        assert set(job["depends_on"]) <= set(names[:number]), "jobs are in topological order"
        assert len(job["depends_on"]) <= 20
        assert job["submit"]["jobName"] == job["name"]
        assert "dependsOn" not in job["submit"]
        request = json.loads(filled(json.dumps(job["submit"])))
        assert submit_errors(request) == ""
        assert list(check_submit(job["name"], request)) == []


def filled(text):
    """The text with sample values for substitutions and for values of the run."""
    values = {"run_id": "manual__2026-01-01T00:00:00+00:00", "ds": "2026-01-01", "ds_nodash": "20260101"}
    values |= {"ts": "2026-01-01T00:00:00+00:00", "ts_nodash": "20260101T000000"}
    text = re.sub(r"\$\{run:(\w+)\}", lambda match: values[match[1]], text)
    return re.sub(r"\$\{(\w+)\}", lambda match: SUBSTITUTIONS[match[1]], text)


def test_images_get_job_definitions():
    artefact = only_artefact(compile_files(HERE / "dags" / "executor_config.py"))
    (definition,) = artefact.job_definitions
    image = artefact.document["States"]["image"]["Arguments"]
    assert definition["jobDefinitionName"] == image["JobDefinition"]
    assert definition["containerProperties"]["image"] == "registry.example/etl:1.2"
    assert definition["containerProperties"]["command"] == ["ductwork", "worker"]


CONTAINERS = ("docker_containers", "kubernetes_pods", "ecs_tasks")


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_get_job_definitions(name, request):
    """Beside the artefact, the same for both targets, as recorded and as botocore would take them."""
    path = HERE / "dags" / f"{name}.py"
    made = [only_artefact(compile_files(path, target=target)).job_definitions for target in SUFFIX]
    assert made[0] == made[1]
    golden = HERE / f"{name}.jobdefinitions.json"
    text = to_json(made[0], indent=True)
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert [register_errors(definition) for definition in made[0]] == [""] * len(made[0])
    chain = only_artefact(compile_files(path, target="batch")).document
    used = {job["submit"]["jobDefinition"] for job in chain["jobs"]} - {"${JobDefinition}"}
    assert used == {definition["jobDefinitionName"] for definition in made[0]}


def test_every_golden_has_its_dag():
    recorded = {path.name.split(".")[0] for path in HERE.glob("*.json")}
    assert recorded == set(CASES)


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_the_examples_compile_to_sound_machines(name):
    assert_sound(json.loads(only_artefact(compile_files(EXAMPLES / f"{name}.py")).text()))
