"""Every DAG of golden/dags compiles to exactly the JSON beside it; ``pytest --update-goldens`` writes the JSON anew."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from asl_check import assert_sound
from asl_requests import SUBSTITUTIONS, check_submit, environment_of, register_errors, submit_errors
from cfn_lint_check import lint_machines
from compiling import compile_files, only_artefact
from ductwork.compiler import to_json
from ductwork.contracts.container_job import CONTAINER_VARIABLE

HERE = Path(__file__).parent
DAGS = HERE / "dags"
EXAMPLES = HERE.parents[1] / "dags"
CASES = sorted(path.stem for path in DAGS.glob("*.py"))
SUFFIX = {"stepfunctions": "asl", "batch": "batch"}
# As a chain that a state machine submits; all are checked, these are recorded.
ENGINE_CASES = {"batch_templates", "chain", "crossing", "retries", "teardown"}
# What a job chain cannot say, and how it says so.
REFUSED = {
    "mapping": {"DW304"},
    "limited_mapping": {"DW304", "DW306", "DW308", "DW324"},
}


@cache
def compiled(folder, name, target="stepfunctions", engine="states"):
    """A DAG file of a folder, compiled once for all tests; none of them changes what was made."""
    return compile_files(folder / f"{name}.py", target=target, engine=engine)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def made(case):
    targets = SUFFIX if case not in REFUSED else ("stepfunctions",)
    return {target: only_artefact(compiled(DAGS, case, target)) for target in targets}


@pytest.mark.parametrize("target", SUFFIX)
def test_the_json_is_as_recorded(case, made, target, request):
    if target not in made:
        refused = compiled(DAGS, case, target)
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
    text = only_artefact(compiled(DAGS, case, engine="batch")).text(indent=True)
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"see what changed, then: pytest {__file__} --update-goldens"


def test_the_machine_is_sound(made):
    assert_sound(json.loads(made["stepfunctions"].text()))


def test_the_machine_that_submits_the_chain_is_sound(case):
    made = compiled(DAGS, case, engine="batch")
    if case in REFUSED:
        assert {finding.code for finding in made.diagnostics} == REFUSED[case]
        assert made.artefacts == []
    else:
        assert_sound(json.loads(only_artefact(made).text()))


def test_cfn_lint_accepts_all_machines():
    files = [(path.parent, path.stem) for path in sorted([*DAGS.glob("*.py"), *EXAMPLES.glob("*.py")])]
    machines = [json.loads(only_artefact(compiled(*file)).text()) for file in files]
    chains = [compiled(*file, engine="batch").artefacts for file in files]
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
    values |= {"ts": "2026-01-01T00:00:00+00:00", "ts_nodash": "20260101T000000", "region": "eu-west-1"}
    text = re.sub(r"\$\{run:(\w+)\}", lambda match: values[match[1]], text)
    return re.sub(r"\$\{(\w+)\}", lambda match: SUBSTITUTIONS[match[1]], text)


def test_images_get_job_definitions():
    artefact = only_artefact(compiled(DAGS, "executor_config"))
    (definition,) = artefact.job_definitions
    image = artefact.document["States"]["image"]["Arguments"]
    assert definition["jobDefinitionName"] == image["JobDefinition"]
    assert definition["containerProperties"]["image"] == "registry.example/etl:1.2"
    assert definition["containerProperties"]["command"] == ["ductwork", "worker"]
    assert definition["platformCapabilities"] == ["FARGATE"]
    assert definition["containerProperties"]["networkConfiguration"] == {"assignPublicIp": "ENABLED"}
    assert register_errors(definition) == ""
    sizes = {each["Type"]: each["Value"] for each in image["ContainerOverrides"]["ResourceRequirements"]}
    assert sizes == {"VCPU": "1", "MEMORY": "5120"}
    # AWS drops a variable with an empty value from a definition, so variables are in requests alone.
    assert "environment" not in definition["containerProperties"]
    variables = environment_of(artefact.document, artefact.document["States"]["image"])
    assert (variables["STAGE"], "TOKEN" in variables) == ("", False)


def test_the_job_definitions_are_as_recorded(case, made, request):
    """Beside the artefact, the same for each target, and as botocore would take them."""
    definitions = [artefact.job_definitions for artefact in made.values()]
    assert all(each == definitions[0] for each in definitions)
    golden = HERE / f"{case}.jobdefinitions.json"
    assert golden.exists() <= bool(definitions[0])
    # A chain runs all that are made, and no other of ours: what it uses besides is the author's or the deployment's.
    if (chain := made.get("batch")) is not None:
        submits = [job["submit"] for job in chain.document["jobs"]]
        used = {submit["jobDefinition"] for submit in submits}
        # Or by a worker that has rendered the templates.
        overrides = [submit.get("containerOverrides", {}).get("environment", ()) for submit in submits]
        told = [each["value"] for variables in overrides for each in variables if each["name"] == CONTAINER_VARIABLE]
        used |= {json.loads(value)["jobDefinition"] for value in told}
        ours = {definition for definition in used if definition.startswith("ductwork-")}
        assert ours == {definition["jobDefinitionName"] for definition in definitions[0]}
    if not definitions[0]:
        return
    text = to_json(definitions[0], indent=True)
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert [register_errors(definition) for definition in definitions[0]] == [""] * len(definitions[0])


def test_every_golden_has_its_dag():
    recorded = {path.name.split(".")[0] for path in HERE.glob("*.json")}
    assert recorded == set(CASES)


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_the_examples_compile_to_sound_machines(name):
    assert_sound(json.loads(only_artefact(compiled(EXAMPLES, name)).text()))
