"""The DAG files in dags/: each compiles cleanly, to a machine and a chain, and runs.

What their tasks return is held against Airflow in tests/differential; batch_jobs has no counterpart there, because
Airflow's BatchOperator needs an AWS to talk to, so its run is checked here.
"""

import uuid
from pathlib import Path

import pytest
from asl_check import assert_sound
from cfn_lint_check import lint_machine
from compiling import compile_files

EXAMPLES = sorted((Path(__file__).parents[2] / "dags").glob("*.py"))
# What a fixed chain cannot say, and the diagnostics that say so.
NO_CHAIN = {"regional_sales": {"DW304"}}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_compiles_to_a_machine(example):
    compiled = compile_files(example)
    assert [str(finding) for finding in compiled.diagnostics] == []
    (artefact,) = compiled.artefacts
    assert artefact.document["States"]


@pytest.mark.long
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_machine_is_valid(example):
    """As tests/golden finds of the same machines, which it reads from their JSON."""
    (artefact,) = compile_files(example).artefacts
    assert_sound(artefact.document)
    assert lint_machine(artefact.document) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_compiles_to_a_chain(example):
    compiled = compile_files(example, target="batch")
    if example.stem in NO_CHAIN:
        assert {finding.code for finding in compiled.diagnostics} == NO_CHAIN[example.stem]
        return
    assert not compiled.diagnostics.failed
    assert {finding.code for finding in compiled.diagnostics} <= {"DW310"}
    (artefact,) = compiled.artefacts
    assert artefact.document["jobs"]


@pytest.mark.parametrize("target", ["stepfunctions", "batch"])
def test_batch_jobs_run_without_a_worker(ductwork, target):
    example = next(path for path in EXAMPLES if path.stem == "batch_jobs")
    done = ductwork("run", example, "--local", "--json", "--target", target, "--logical-date", "2026-05-06")
    assert done.code == 0, done.err
    tasks = {task["task_id"]: task for task in done.json["tasks"]}
    assert {name: (task["state"], task["try_number"]) for name, task in tasks.items()} == dict.fromkeys(
        ["prepare", "region_north", "region_south", "done"], ("success", 1)
    )
    # As under Airflow, a BatchOperator returns its job's id.
    for name in ("prepare", "region_north", "region_south"):
        assert str(uuid.UUID(tasks[name]["return_value"])) == tasks[name]["return_value"]
    assert "return_value" not in tasks["done"]
    (log,) = (
        (ductwork.home / "ductwork" / "logs").glob("prepare-*.log")
        if target == "stepfunctions"
        else (ductwork.home / "ductwork" / "logs").glob("batch_jobs-prepare*.log")
    )
    assert "preparing 2026-05-06" in log.read_text()
