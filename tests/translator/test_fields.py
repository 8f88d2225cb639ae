"""Every constructor parameter of the installed Airflow has a treatment, and the treatments are what they say."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
from code_cases import bash, in_dag
from compiling import codes, compile_text
from ductwork.diagnostics import Diagnostics
from ductwork.frontend import fields, loader
from ductwork.ir import BatchJob, Worker
from ductwork.rules import BUILTIN

GOLDEN = Path(__file__).parents[1] / "golden"
TREATMENTS = {fields.COMPILED, fields.WORKER, fields.SHOWN, fields.AIRFLOW, fields.LIMITS}


@pytest.mark.parametrize(("table", "name"), [("TASK", "BaseOperator"), ("DAG", "DAG")])
def test_the_table_is_the_constructor(table, name):
    """A new argument of a new Airflow must be given a treatment; a removed one must go."""
    import airflow.sdk

    parameters = set(inspect.signature(getattr(airflow.sdk, name).__init__).parameters) - {"self", "kwargs"}
    assert set(getattr(fields, table)) == parameters
    assert set(getattr(fields, table).values()) <= TREATMENTS


def test_defaults_are_airflows():
    import airflow.sdk

    plain = airflow.sdk.BaseOperator(task_id="plain")
    assert {name: getattr(plain, name) for name in fields.TASK_DEFAULTS} == fields.TASK_DEFAULTS


def test_what_is_not_honoured_is_reported():
    limits = {name for name, its in fields.TASK.items() if its == fields.LIMITS}
    assert limits == {"priority_weight", "executor"}


JOB = "BatchOperator(task_id='t', job_name='n', job_queue='q', job_definition='d'{})"
# Arguments that need Airflow's own code around the job, and the word of the reason that names them.
NEED_AIRFLOW = {
    "on_execute_callback=print": "on_execute_callback",
    "on_failure_callback=print": "on_failure_callback",
    "on_success_callback=[print]": "on_success_callback",
    "on_retry_callback=print": "on_retry_callback",
    "on_skipped_callback=print": "on_skipped_callback",
    "pre_execute=print": "pre_execute",
    "post_execute=print": "post_execute",
    "email='a@example.org'": "email",
    "inlets=['x']": "inlets",
    "outlets=[__import__('airflow.sdk').sdk.Asset('x')]": "outlets",
    "execution_timeout=timedelta(seconds=59)": "execution_timeout",
    "aws_conn_id='other'": "aws_conn_id",
    "region_name='eu-west-1'": "region_name",
    "verify=False": "verify",
    "botocore_config={'retries': {}}": "botocore_config",
    "waiters=object()": "waiters",
    "job_id='x'": "job_id",
    "parameters={'a': '{{ prev_ds }}'}": "prev_ds",
    "parameters={'a': '{{ ds | title }}'}": "the filter title",
    "parameters={'a': '{% include ds %}'}": "a statement",
    "parameters={'a': '{{ ds '}": "does not parse",
    "parameters={'a': object()}": "object",
    "render_template_as_native_obj=True": "render_template_as_native_obj",
}
IN_DAG = {
    "render_template_as_native_obj=True": "render_template_as_native_obj",
    "jinja_environment_kwargs={'variable_start_string': '<<'}": "jinja_environment_kwargs",
}


def work_of(folder, argument="", dag=""):
    argument = f", {argument}" if argument else ""
    compiled = compile_text(folder, in_dag(JOB.format(argument), dag=f", {dag}" if dag else ""))
    assert codes(compiled.diagnostics) == []
    (workflow,) = compiled.workflows
    return workflow.tasks[0].work


@pytest.mark.parametrize("argument", NEED_AIRFLOW)
def test_a_batch_job_that_needs_airflow_runs_in_a_worker(argument, tmp_path):
    work = work_of(tmp_path, argument)
    assert isinstance(work, Worker)
    assert NEED_AIRFLOW[argument] in work.why


@pytest.mark.parametrize("argument", IN_DAG)
def test_so_does_one_whose_dag_renders_differently(argument, tmp_path):
    work = work_of(tmp_path, dag=argument)
    assert isinstance(work, Worker)
    assert IN_DAG[argument] in work.why


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "aws_conn_id='aws_default'",
        "aws_conn_id=None",
        "max_retries=3",
        "deferrable=True",
        "owner='me'",
        "email_on_retry=False",
    ],
)
def test_other_batch_jobs_are_native(argument, tmp_path):
    work = work_of(tmp_path, argument)
    assert isinstance(work, BatchJob)
    given = {member: value for member, value in work.request.items() if value}
    assert given == {"jobName": "n", "jobQueue": "q", "jobDefinition": "d"}
    assert work.wait
    assert work.push_job_id


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("EmptyOperator(task_id='t')", "NoOp"),
        ("type('Mine', (EmptyOperator,), {})(task_id='t')", "NoOp"),
        ("EmptyOperator(task_id='t', on_success_callback=print)", "Worker"),
        ("EmptyOperator(task_id='t', on_execute_callback=print)", "Worker"),
        ("EmptyOperator(task_id='t', inlets=['x'])", "Worker"),
        # Airflow's scheduler does not look at this one, and never calls it for an empty task.
        ("EmptyOperator(task_id='t', on_failure_callback=print)", "NoOp"),
        (bash(), "Worker"),
        ("type('Mine', (BatchOperator,), {})(task_id='t', job_name='n', job_queue='q', job_definition='d')", "Worker"),
    ],
)
def test_which_work_an_operator_is(statement, kind, tmp_path):
    compiled = compile_text(tmp_path, in_dag(statement))
    assert codes(compiled.diagnostics) == []
    assert type(compiled.workflows[0].tasks[0].work).__name__ == kind


@pytest.fixture(scope="module")
def golden_tasks():
    """The tasks of all DAGs of the goldens."""
    found = Diagnostics()
    tasks = [task for dag in loader.load([str(GOLDEN / "dags")], found) for task in dag.tasks]
    assert list(found) == []
    return tasks


@pytest.mark.parametrize("rule", BUILTIN, ids=lambda rule: rule.name)
def test_every_rule_names_real_operators_and_has_a_golden(rule, golden_tasks):
    for name in rule.operators:
        module, _, cls = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), cls), type)
    assert any(rule.applies(task) for task in golden_tasks), "add a DAG with this rule's operators to tests/golden/dags"
