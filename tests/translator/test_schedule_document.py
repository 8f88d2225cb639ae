"""``compile --target schedule``: what a DAG of plain Batch jobs becomes, and that an import gives the same workflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import ductwork
from code_cases import in_dag
from compiling import codes, compile_files, compile_text, document
from schedules import imported, normal

SCHEDULES = Path(__file__).parents[1] / "golden" / "schedules"
SNS = "from airflow.providers.amazon.aws.notifications.sns import SnsNotifier\n"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"


def job(name, *, more=""):
    return f"{name} = BatchOperator(task_id='{name}', job_name='{name}', job_queue='q', job_definition='d'{more})"


def exported(folder, *lines, dag=""):
    return document(compile_text(folder, SNS + in_dag(*lines, dag=dag), target="schedule"))


def dependencies(made):
    return {each["jobName"]: each["jobDependencies"] for each in made["jobList"]}


def test_the_shape_of_a_document(tmp_path):
    made = exported(tmp_path, job("b"), job("a", more=", container_overrides={'command': ['x']}"), "b >> a")
    assert list(made) == ["scheduleId", "category", "scheduleName", "scheduleSnsTopic", "wait_time", "jobList"]
    assert {key: value for key, value in made.items() if key != "jobList"} == {
        "scheduleId": "case",
        "category": " ",
        "scheduleName": "case",
        "scheduleSnsTopic": " ",
        "wait_time": 30,
    }
    common = {"jobDefinition": "d", "jobQueue": "q", "parameters": {}, "jobStatus": " ", "jobId": " "}
    assert made["jobList"] == [
        {"jobName": "b", "jobDependencies": [], "containerOverrides": {}, **common},
        {"jobName": "a", "jobDependencies": ["b"], "containerOverrides": {"command": ["x"]}, **common},
    ]
    order = ["jobName", "jobDefinition", "jobQueue", "jobDependencies", "containerOverrides", "parameters"]
    assert list(made["jobList"][0]) == [*order, "jobStatus", "jobId"]


@pytest.mark.parametrize(
    ("dag", "key", "value"),
    [
        (", tags=['nightly']", "category", "nightly"),
        (", description='The nightly load'", "scheduleName", "The nightly load"),
        (", dag_display_name='Nightly'", "scheduleName", "Nightly"),
        (", dag_display_name='Nightly', description='The nightly load'", "scheduleName", "The nightly load"),
        (", description=' '", "scheduleName", "case"),
        (", default_args={'poll_interval': 45}", "wait_time", 45),
        (", default_args={'poll_interval': 0.5}", "wait_time", 1),
    ],
)
def test_what_the_dag_says(tmp_path, dag, key, value):
    assert exported(tmp_path, job("a"), dag=dag)[key] == value


def notifier(**arguments):
    given = {"target_arn": TOPIC, "message": "it ended", **arguments}
    return f"SnsNotifier({', '.join(f'{key}={value!r}' for key, value in given.items())})"


def test_a_topic_that_hears_of_every_end(tmp_path):
    one = notifier()
    for success, failure in ((one, one), (f"[{one}]", notifier(message="it failed"))):
        dag = f", on_success_callback={success}, on_failure_callback={failure}"
        assert exported(tmp_path, job("a"), dag=dag)["scheduleSnsTopic"] == TOPIC
        assert codes(compile_files(tmp_path / "case.py", target="schedule").diagnostics) == []


@pytest.mark.parametrize(
    ("success", "failure", "warnings"),
    [
        (notifier(), None, 1),
        (None, notifier(), 1),
        (notifier(), notifier(target_arn=TOPIC + "2"), 2),
        (notifier(), f"[{notifier()}, print]", 2),
        (notifier(), "print", 2),
        (notifier(target_arn="{{ var.value.topic }}"), notifier(target_arn="{{ var.value.topic }}"), 2),
        (notifier(aws_conn_id="other"), notifier(aws_conn_id="other"), 2),
        (notifier(region_name="eu-west-2"), notifier(region_name="eu-west-2"), 2),
    ],
)
def test_other_callbacks_are_not_a_topic(tmp_path, success, failure, warnings):
    dag = f", on_success_callback={success}, on_failure_callback={failure}"
    made = compile_text(tmp_path, SNS + in_dag(job("a"), dag=dag), target="schedule")
    assert document(made)["scheduleSnsTopic"] == " "
    assert codes(made.diagnostics) == ["DW308"] * warnings


def test_jobs_are_in_the_order_in_which_they_were_written(tmp_path):
    made = exported(tmp_path, job("z"), job("y"), job("x"), job("w"), "z >> x >> y", "w")
    assert [each["jobName"] for each in made["jobList"]] == ["z", "x", "y", "w"]


def test_dependencies_are_the_authors_own(tmp_path):
    made = exported(tmp_path, *map(job, "abc"), "a >> b >> c", "a >> c")
    assert dependencies(made) == {"a": [], "b": ["a"], "c": ["a", "b"]}


DOCKER = "from airflow.providers.docker.operators.docker import DockerOperator"


@pytest.mark.parametrize(
    ("arguments", "findings"),
    [
        ("command='x'", []),
        ("command='x {{ ds }}'", [("DW320", "")]),
        ("execution_timeout=timedelta(hours=1), labels={'a': 'b'}", [("DW320", ""), ("DW321", "")]),
    ],
)
def test_a_container_has_no_arguments_of_a_batch_operator(tmp_path, arguments, findings):
    line = f"DockerOperator(task_id='a', image='i', mount_tmp_dir=False, {arguments})"
    compiled = compile_text(tmp_path, in_dag(DOCKER, line), target="schedule", job_queue="q")
    assert [(finding.code, finding.field) for finding in compiled.diagnostics] == findings


def test_empty_tasks_vanish(tmp_path):
    body = in_dag(*map(job, "abcd"), "e = EmptyOperator(task_id='e')", "[a, b] >> e >> [c, d]", "a >> c")
    made = compile_text(tmp_path, body, target="schedule")
    assert dependencies(document(made)) == {"a": [], "b": [], "c": ["a", "b"], "d": ["a", "b"]}
    assert codes(made.diagnostics) == ["DW321"]


def test_more_dependencies_than_batch_takes_are_reduced(tmp_path):
    row = [job(f"j{number:02}") for number in range(25)]
    chain = " >> ".join(f"j{number:02}" for number in range(25))
    all_above = f"[{chain.replace(' >> ', ', ')}] >> last"
    made = exported(tmp_path, *row, job("last"), chain, all_above)
    assert dependencies(made)["last"] == ["j24"]
    refused = compile_text(tmp_path, in_dag(*row, job("last"), all_above), target="schedule")
    assert codes(refused.diagnostics) == ["DW320"]


def test_what_a_job_chain_refuses_is_refused_in_its_words(tmp_path):
    late = ", trigger_rule='all_done', depends_on_past=True, retries=12"
    made = compile_text(tmp_path, in_dag(job("a"), job("b", more=late), "a >> b"), target="schedule")
    assert sorted(codes(made.diagnostics)) == ["DW307", "DW320", "DW320"]
    assert made.artefacts == []
    body = in_dag("BashOperator.partial(task_id='m').expand(bash_command=['a'])")
    made = compile_text(tmp_path, body, target="schedule")
    assert [(finding.code, "batch" in finding.hint) for finding in made.diagnostics] == [
        ("DW320", True),
    ]
    over = "expand(bash_command=BashOperator(task_id='u', bash_command='').output)"
    made = compile_text(tmp_path, in_dag(f"BashOperator.partial(task_id='m').{over}"), target="schedule")
    assert [(finding.code, finding.task_id) for finding in made.diagnostics] == [
        ("DW304", "m"),
        ("DW320", "u"),
        ("DW320", "m"),
    ]


def test_a_job_below_a_worker_is_not_to_blame(tmp_path):
    body = in_dag("a = BashOperator(task_id='a', bash_command='true')", job("b"), "a >> b")
    made = compile_text(tmp_path, body, target="schedule")
    assert [(finding.code, finding.task_id) for finding in made.diagnostics] == [("DW320", "a")]


# ---- there and back ----

WORKFLOWS = {
    "one job": [job("a")],
    "chain": [*map(job, "abc"), "a >> b >> c"],
    "crossing": [*map(job, "abcd"), "a >> [c, d]", "b >> d"],
    "skipping a level": [*map(job, "abc"), "a >> b >> c", "a >> c"],
    "two components": [*map(job, "dcba"), "d >> c", "b >> a"],
    "fan": [*map(job, ("a", "z", "f1", "f2", "f3")), "a >> [f1, f2, f3] >> z"],
    "texts": [job("a", more=", parameters={'x': '{{ \"{{ y }}\" }}', 'z': '\\'\"\\\\'}, poll_interval=7")],
}


@pytest.mark.parametrize("lines", WORKFLOWS.values(), ids=list(WORKFLOWS))
def test_an_import_gives_the_same_workflow(tmp_path, lines):
    dag = f", tags=['c'], description='Some jobs', on_success_callback={notifier()}, on_failure_callback={notifier()}"
    made = exported(tmp_path, *lines, dag=dag)
    # A document says no dates.
    source = (tmp_path / "case.py").read_text(encoding="utf-8")
    (tmp_path / "case.py").write_text(source.replace(", start_date=START", ""), encoding="utf-8")
    (tmp_path / "back").mkdir()
    text, diagnostics = imported(tmp_path, made)
    assert [str(finding) for finding in diagnostics] == []
    (tmp_path / "back" / "case.py").write_text(text, encoding="utf-8")
    for target in ("schedule", "batch", "stepfunctions"):
        there, back = (
            document(compile_files(path, target=target))
            for path in (tmp_path / "case.py", tmp_path / "back" / "case.py")
        )
        assert back == there, target


def test_the_recorded_document_comes_back():
    document_ = json.loads((SCHEDULES / "daily_edw_load.json").read_text(encoding="utf-8"))
    made = document(compile_files(SCHEDULES / "daily_edw_load.py", target="schedule"))
    wanted = normal(document_)
    jobs = [
        {"jobName": each["jobName"], **wanted["jobs"][each["jobName"]], "jobDependencies": each["jobDependencies"]}
        for each in document_["jobList"]
    ]
    del wanted["jobs"]
    assert made == {**wanted, "jobList": jobs}


# ---- the command ----


def test_the_command_line(tmp_path):
    path = SCHEDULES / "daily_edw_load.py"
    code, out, err = ductwork("compile", path, "--target", "schedule", "-o", tmp_path, "--indent")
    assert (code, out, err) == (0, "", f"wrote {tmp_path / 'daily-edw-load.schedule.json'}\n")
    written = tmp_path / "daily-edw-load.schedule.json"
    code, out, err = ductwork("import", written, "-o", "-")
    assert (code, out, err) == (0, path.read_text(encoding="utf-8"), "")
    assert ductwork("check", path, "--target", "schedule") == (0, "no problems: daily-edw-load\n", "")
    code, out, _ = ductwork("explain", path, "--target", "schedule")
    assert code == 0
    assert "  schedule: " in out
