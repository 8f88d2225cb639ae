"""Cases that were wrong once: what is imported from where, and values of the wrong type."""

import pytest
from asl_requests import environment_of
from compiling import compile_files, compile_text, only_artefact


def findings(compiled):
    return [(finding.code, finding.task_id, finding.field) for finding in compiled.diagnostics]


def test_helpers_are_imported_from_the_bundle_as_in_the_worker(tmp_path):
    """Of a folder, its root is the bundle; a file's own folder deeper in it is not on the path, as under Airflow."""
    team = tmp_path / "team"
    team.mkdir()
    (tmp_path / "shared_code.py").write_text("VALUE = 1\n")
    (team / "sibling.py").write_text("VALUE = 2\n")
    good = team / "good.py"
    good.write_text("from airflow.sdk import DAG\nfrom shared_code import VALUE\nwith DAG('good'):\n    pass\n")
    bad = team / "bad.py"
    bad.write_text("from airflow.sdk import DAG\nfrom sibling import VALUE\nwith DAG('bad'):\n    pass\n")
    compiled = compile_files(tmp_path)
    assert [(finding.code, finding.origin.file) for finding in compiled.diagnostics] == [("DW103", str(bad))]
    (workflow,) = compiled.workflows
    assert (workflow.bundle_path, workflow.dag_file) == (str(tmp_path), "team/good.py")


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"containerOverrides": {"environment": {"A": "b"}}}, "DW201"),
        ({"containerOverrides": {"resourceRequirements": ["x"]}}, "DW201"),
        ({"containerOverrides": {"environment": [{"name": "B"}]}}, "DW201"),
        ({"timeout": 60}, "DW201"),
        ({"ductwork": {"environment": {"N": None}}}, "DW201"),
        ({"ductwork": {"vcpus": "inf"}}, "DW201"),
        ({"ductwork": "big"}, "DW201"),
    ],
)
def test_misshapen_executor_config_is_a_diagnostic(tmp_path, config, code):
    body = f"with DAG('case'):\n    BashOperator(task_id='t', bash_command='true', executor_config={config!r})\n"
    assert {found[:2] for found in findings(compile_text(tmp_path, body))} == {(code, "t")}


def test_environments_of_both_spellings_are_united(tmp_path):
    config = {
        "containerOverrides": {"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]},
        "ductwork": {"environment": {"B": "2"}},
    }
    body = f"with DAG('case'):\n    BashOperator(task_id='t', bash_command='true', executor_config={config!r})\n"
    machine = only_artefact(compile_text(tmp_path, body)).document
    variables = environment_of(machine, machine["States"]["t"])
    assert (variables["A"], variables["B"]) == ("1", "2")


@pytest.mark.parametrize(
    "argument",
    [
        "container_overrides={'cmd': ['true']}",
        "container_overrides={'environment': [{'name': 'A', 'value': 5}]}",
        "container_overrides={'environment': {'A': 'b'}}",
        "container_overrides={'resourceRequirements': ['x']}",
        "parameters={'n': 5}",
        "retry_strategy={'attempts': '2'}",
    ],
)
def test_what_batch_would_refuse_is_a_diagnostic(tmp_path, argument):
    body = (
        "from airflow.providers.amazon.aws.operators.batch import BatchOperator\nwith DAG('case'):\n"
        f"    BatchOperator(task_id='t', job_name='j', job_queue='q', job_definition='d', {argument})\n"
    )
    assert {found[:2] for found in findings(compile_text(tmp_path, body))} == {("DW401", "t")}


def test_a_native_job_asks_for_nothing_it_does_not_use(tmp_path):
    body = (
        "from airflow.providers.amazon.aws.operators.batch import BatchOperator\nwith DAG('case'):\n"
        "    BatchOperator(task_id='t', job_name='j', job_queue='q', job_definition='d')\n"
    )
    machine = only_artefact(compile_text(tmp_path, body)).document
    assert machine["States"]["t"]["Arguments"].keys() <= {"JobName", "JobQueue", "JobDefinition", "RetryStrategy"}
