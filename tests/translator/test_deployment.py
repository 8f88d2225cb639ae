"""Deployment values: which source wins, and how each spelling reaches the request."""

from __future__ import annotations

import json

import pytest
from asl_requests import environment_of, run_of, sampled
from code_cases import bash, in_dag
from compiling import codes, compile_files, compile_text, only_artefact, write_dag

_ARN = "arn:aws:batch:eu-west-1:123456789012:job-queue/g"
_OWN = ", executor_config={'ductwork': {'job_queue': 'own'}}"
# (argument of the task, command line, [ductwork]) -> the queue
PRECEDENCE = [
    (_OWN, {"job_queue": "flag"}, "conf", "own"),
    ("", {"job_queue": "flag"}, "conf", "flag"),
    ("", {}, "conf", "conf"),
    ("", {}, "", "${JobQueue}"),
    (", executor_config={'jobQueue': 'plain'}", {"job_queue": "flag"}, "conf", "plain"),
    (", executor_config={'jobQueue': 'plain', 'ductwork': {'job_queue': 'own'}}", {}, "", "own"),
    (", executor_config={'ductwork': {'jobQueue': 'spelt'}}", {}, "", "spelt"),
    (", executor_config={'ductwork': {'job_queue': None}}", {"job_queue": "flag"}, "", "flag"),
]


@pytest.mark.parametrize(("argument", "flags", "conf", "queue"), PRECEDENCE)
def test_the_nearest_source_wins(argument, flags, conf, queue, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__JOB_QUEUE", conf)
    compiled = compile_text(tmp_path, in_dag(bash(more=argument)), **flags)
    assert codes(compiled.diagnostics) == []
    state = json.loads(only_artefact(compiled).text())["States"]["t"]
    assert state["Arguments"]["JobQueue"] == queue


def arguments_of(folder, config, **options):
    compiled = compile_text(folder, in_dag(bash(more=f", executor_config={config!r}")), **options)
    assert codes(compiled.diagnostics) == []
    machine = json.loads(only_artefact(compiled).text())
    return sampled(machine["States"]["t"]["Arguments"], run_of(machine))


SAME = [
    (
        {"ductwork": {"memory": 512}},
        {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "512"}]}},
    ),
    ({"ductwork": {"vcpus": 1, "gpus": 2}}, {"ductwork": {"vcpus": "1.0", "gpus": "2"}}),
    ({"ductwork": {"environment": {"A": "1"}}}, {"containerOverrides": {"environment": [{"name": "A", "value": "1"}]}}),
    ({"ductwork": {"timeout": 90}}, {"timeout": {"attemptDurationSeconds": 90}}),
    ({"ductwork": {"share_identifier": "a"}}, {"shareIdentifier": "a"}),
    ({"ductwork": {"scheduling_priority": 3}}, {"schedulingPriorityOverride": 3}),
    ({"ductwork": {"propagate_tags": True}}, {"propagateTags": True}),
    ({"ductwork": {"tags": {"a": "b"}}}, {"tags": {"a": "b"}}),
    ({"ductwork": {"job_definition": "d:2"}}, {"jobDefinition": "d:2"}),
]


@pytest.mark.parametrize(("ours", "batch_executors"), SAME)
def test_both_spellings_say_the_same(ours, batch_executors, tmp_path):
    assert arguments_of(tmp_path, ours) == arguments_of(tmp_path, batch_executors)
    assert arguments_of(tmp_path, ours) != arguments_of(tmp_path, {})


TIMEOUTS = [
    ("", None),
    (", execution_timeout=timedelta(seconds=1)", 61),
    (", execution_timeout=timedelta(seconds=0.5)", 61),
    (", execution_timeout=timedelta(hours=1)", 3_660),
    (", execution_timeout=timedelta(hours=1), executor_config={'ductwork': {'timeout': 60}}", 60),
]


@pytest.mark.parametrize(("argument", "seconds"), TIMEOUTS)
def test_the_hard_limit_of_an_attempt(argument, seconds, tmp_path):
    compiled = compile_text(tmp_path, in_dag(bash(more=argument)))
    arguments = json.loads(only_artefact(compiled).text())["States"]["t"]["Arguments"]
    assert arguments.get("Timeout") == (None if seconds is None else {"AttemptDurationSeconds": seconds})


def test_a_task_that_may_defer_has_no_hard_limit(tmp_path):
    body = in_dag(
        "from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor",
        "TimeDeltaSensor(task_id='t', delta=timedelta(hours=2), execution_timeout=timedelta(hours=1), deferrable=True)",
    )
    compiled = compile_text(tmp_path, body)
    assert codes(compiled.diagnostics) == []
    assert "Timeout" not in json.loads(only_artefact(compiled).text())["States"]["t"]["Arguments"]


@pytest.mark.parametrize(
    ("table", "text", "wrong"),
    [
        ("pools", "=5", "'=5' is not NAME=SLOTS"),
        ("pools", "a=\u00b2", "'a=\u00b2' is not NAME=SLOTS"),
        ("pools", "a=0", "'a=0' is not NAME=SLOTS"),
        ("pools", "a=2, a=3", "a is there twice"),
        ("queues", "gpu=one, gpu=two", "gpu is there twice"),
        ("queues", "gpu=no queue", "'gpu=no queue' is not QUEUE=JOB_QUEUE"),
    ],
)
def test_a_wrong_part_of_a_table_is_named(table, text, wrong, tmp_path, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__DUCTWORK__{table.upper()}", text)
    (finding,) = compile_text(tmp_path, in_dag(bash())).diagnostics
    assert (finding.code, finding.field) == ("DW201", table)
    assert finding.what.startswith(wrong)


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"tags": {"aws:x": "y"}}, "change it to what AWS Batch accepts"),
        ({"environment": {"A": "x" * 9_000}}, "give the task fewer or shorter environment variables"),
    ],
)
def test_the_advice_fits_what_batch_would_refuse(values, hint, tmp_path):
    compiled = compile_text(tmp_path, in_dag(bash(more=f", executor_config={{'ductwork': {values!r}}}")))
    (finding,) = compiled.diagnostics
    assert (finding.code, finding.hint.startswith(hint)) == ("DW203", True)


# (argument of the task, [ductwork] queues, command line) -> the queue
QUEUES = [
    (", queue='gpu'", "gpu=fast, big=large", {}, "fast"),
    (", queue='gpu'", "gpu=fast", {"job_queue": "flag"}, "fast"),
    (", queue='gpu', executor_config={'ductwork': {'memory': 512}}", "gpu=fast", {"job_queue": "flag"}, "fast"),
    (", queue='gpu'" + _OWN, "gpu=fast", {}, "own"),
    ("", "gpu=fast", {}, "${JobQueue}"),
    # Airflow's default queue is a queue like others to whoever names it.
    ("", "default=usual", {}, "${JobQueue}"),
    (", queue='gpu'", "gpu=arn:aws:batch:eu-west-1:123456789012:job-queue/g", {}, _ARN),
]


@pytest.mark.parametrize(("argument", "queues", "flags", "queue"), QUEUES)
def test_airflows_queues_are_job_queues(argument, queues, flags, queue, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__QUEUES", queues)
    compiled = compile_text(tmp_path, in_dag(bash(more=argument)), **flags)
    assert codes(compiled.diagnostics) == []
    state = json.loads(only_artefact(compiled).text())["States"]["t"]
    assert state["Arguments"]["JobQueue"] == queue


def test_a_queue_without_a_job_queue_is_told(tmp_path):
    compiled = compile_text(tmp_path, in_dag(bash(more=", queue='gpu'")))
    (finding,) = compiled.diagnostics
    assert "'gpu'" in finding.what
    assert "AIRFLOW__DUCTWORK__QUEUES=gpu=" in finding.hint
    assert len(compiled.artefacts) == 1


def test_dictionaries_as_text(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENVIRONMENT", '{"A": "1", "B": 2, "C": true, "D": ""}')
    monkeypatch.setenv("AIRFLOW__DUCTWORK__TAGS", '{"team": "a=b, c"}')
    made = arguments_of(tmp_path, {"ductwork": {"environment": {"A": "own"}}})
    assert made["Tags"] == {"team": "a=b, c"}
    variables = {each["Name"]: each["Value"] for each in made["ContainerOverrides"]["Environment"]}
    assert [variables[name] for name in "ABCD"] == ["own", "2", "true", ""]


def test_what_a_file_says(tmp_path, monkeypatch):
    """In airflow.cfg a number is text too, and stays as it is written."""
    from airflow.configuration import conf

    section = {"share_identifier": "007", "memory": "2048", "environment": '{"A": "50%"}', "native": "False"}
    if not conf.has_section("ductwork"):
        conf.add_section("ductwork")
    try:
        for name, value in section.items():
            conf.set("ductwork", name, value.replace("%", "%%"))
        made = arguments_of(tmp_path, {})
    finally:
        for name in section:
            conf.remove_option("ductwork", name)
    assert made["ShareIdentifier"] == "007"
    assert {"Name": "A", "Value": "50%"} in made["ContainerOverrides"]["Environment"]
    assert {"Type": "MEMORY", "Value": "2048"} in made["ContainerOverrides"]["ResourceRequirements"]


def test_what_a_dictionary_holds_is_not_printed(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENVIRONMENT", '{"TOKEN": "s3cr3t", "DUCTWORK_X": ""}')
    (finding,) = compile_text(tmp_path, in_dag(bash())).diagnostics
    assert (finding.code, "s3cr3t" in str(finding)) == ("DW201", False)
    assert "DUCTWORK_X is reserved" in finding.what


# The command line, [ductwork] and executor_config name an image or a job definition -> whether the image runs.
IMAGES = [
    ({"image": "i:1"}, {}, {}, True),
    ({"image": "i:1"}, {"job_definition": "d:1"}, {}, True),
    ({"job_definition": "d:1"}, {"image": "i:1"}, {}, False),
    ({"image": "i:1"}, {}, {"job_definition": "d:1"}, False),
    ({}, {"job_definition": "d:1"}, {"image": "i:1"}, True),
]


@pytest.mark.parametrize(("flags", "conf", "own", "image"), IMAGES)
def test_an_image_stands_for_a_job_definition(flags, conf, own, image, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__JOB_ROLE", "arn:aws:iam::123456789012:role/job")
    for name, value in conf.items():
        monkeypatch.setenv(f"AIRFLOW__DUCTWORK__{name.upper()}", value)
    compiled = compile_text(tmp_path, in_dag(bash(more=f", executor_config={{'ductwork': {own!r}}}")), **flags)
    assert codes(compiled.diagnostics) == []
    artefact = only_artefact(compiled)
    used = artefact.document["States"]["t"]["Arguments"]["JobDefinition"]
    assert [each["jobDefinitionName"] for each in artefact.job_definitions] == ([used] if image else [])
    assert image or used == "d:1"


JOBS_OF_RUNS = [
    ({"target": "batch"}, "[bash(f'u{n}') for n in range(25)] >> bash('t', 'all_done')"),  # joins
    ({"engine": "batch"}, "bash('t')"),  # settling
    ({}, "dag.on_failure_callback = print; EmptyOperator(task_id='t')"),  # callbacks
]


@pytest.mark.parametrize(("options", "body"), JOBS_OF_RUNS)
def test_the_jobs_of_the_run_have_the_image_too(options, body, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__JOB_ROLE", "arn:aws:iam::123456789012:role/job")
    source = in_dag(
        "def bash(name, rule='all_success'):",
        "    return BashOperator(task_id=name, bash_command='true', trigger_rule=rule)",
        body,
    ).replace("START):", "START, on_failure_callback=print) as dag:" if "callback" in body else "START):")
    artefact = only_artefact(
        compile_text(tmp_path, source.replace("dag.on_failure_callback = print; ", ""), image="i:1", **options)
    )
    (definition,) = artefact.job_definitions
    assert "${JobDefinition}" not in artefact.text()
    assert definition["jobDefinitionName"] in artefact.text()


def test_environments_and_tags_are_united(tmp_path):
    config = {"tags": {"a": "outer"}, "ductwork": {"environment": {"X": "1"}}}
    made = arguments_of(tmp_path, config)
    assert made["Tags"] == {"a": "outer"}
    assert {"Name": "X", "Value": "1"} in made["ContainerOverrides"]["Environment"]


RETRIES = [
    # retries, seconds, exponential, longest -> the retrier of the task, None for none. Not said are the defaults of
    # Step Functions: after 1 s, 3 times, twice the time each time.
    (0, 300, False, None, None),
    (2, 300, False, None, {"IntervalSeconds": 300, "MaxAttempts": 2, "BackoffRate": 1.0}),
    (1, 0, False, None, {"MaxAttempts": 1}),
    (1, 0.2, False, None, {"MaxAttempts": 1}),
    (1, 60, 3.0, 600, {"IntervalSeconds": 60, "MaxAttempts": 1}),
    (3, 60, True, None, {"IntervalSeconds": 60, "MaxDelaySeconds": 86_400}),
    (4, 1, True, None, {"MaxAttempts": 4, "MaxDelaySeconds": 86_400}),
    (3, 60, 3.0, 600, {"IntervalSeconds": 60, "BackoffRate": 3.0, "MaxDelaySeconds": 600}),
    (3, 60, True, 30, {"IntervalSeconds": 30, "BackoffRate": 1.0}),
]


@pytest.mark.parametrize(("retries", "delay", "exponential", "longest", "expected"), RETRIES)
def test_retries_are_airflows(retries, delay, exponential, longest, expected, tmp_path):
    more = f", retries={retries}, retry_delay=timedelta(seconds={delay}), retry_exponential_backoff={exponential}"
    more += f", max_retry_delay=timedelta(seconds={longest})" if longest else ""
    compiled = compile_text(tmp_path, in_dag(bash(more=more)))
    state = json.loads(only_artefact(compiled).text())["States"]["t"]
    _, *own = state["Retry"]
    if expected is None:
        assert own == []
        return
    assert own[0] == {"ErrorEquals": ["Ductwork.Failed", "Ductwork.Skipped"], "MaxAttempts": 0}
    assert own[1:] == [{"ErrorEquals": ["States.TaskFailed"], **expected}]


def test_priority_weight_is_a_scheduling_priority_where_there_are_fair_shares(tmp_path):
    share = "executor_config={'ductwork': {'share_identifier': 'team'}}"
    chosen = "executor_config={'ductwork': {'share_identifier': 'team', 'scheduling_priority': 3}}"
    path = write_dag(
        tmp_path,
        in_dag(
            bash("a", f", priority_weight=7, {share}"),
            bash("b", f", priority_weight=70_000, {share}"),
            bash("c", f", priority_weight=7, {chosen}"),
            bash("d", f", {share}"),
        ),
    )
    made = compile_files(path, target="batch")
    assert [str(finding) for finding in made.diagnostics] == []
    jobs = {job["name"].removeprefix("case-"): job["submit"] for job in made.artefacts[0].document["jobs"]}
    given = {name: job.get("schedulingPriorityOverride") for name, job in jobs.items()}
    assert given == {"a": 7, "b": 9_999, "c": 3, "d": None}


ASSET = "from airflow.sdk import Asset\n"


@pytest.mark.parametrize(
    ("argument", "flags", "bus"),
    [
        ("", {}, None),
        ("", {"event_bus": "assets"}, "assets"),
        (", executor_config={'ductwork': {'event_bus': '${EventBus}'}}", {"event_bus": "assets"}, "${EventBus}"),
    ],
)
def test_the_event_bus_is_a_variable_of_the_container(argument, flags, bus, tmp_path):
    compiled = compile_text(tmp_path, ASSET + in_dag(bash(more=f", outlets=[Asset('a')]{argument}")), **flags)
    assert codes(compiled.diagnostics) == []
    machine = json.loads(only_artefact(compiled).text())
    assert environment_of(machine, machine["States"]["t"]).get("DUCTWORK_EVENT_BUS") == bus


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (f"s3://my-bucket/dag-code/{'0a' * 32}.zip", []),
        ("${DagCode}", []),
        ("s3://my-bucket/dag-code/latest.zip", ["DW201"]),
        (f"s3://My_Bucket/{'0a' * 32}.zip", ["DW201"]),
    ],
)
def test_dag_code_is_a_variable_of_the_container(given, found, tmp_path):
    compiled = compile_text(tmp_path, in_dag(bash()), dag_code=given)
    assert codes(compiled.diagnostics) == found
    if not found:
        machine = json.loads(only_artefact(compiled).text())
        assert environment_of(machine, machine["States"]["t"])["DUCTWORK_DAG_CODE"] == given
