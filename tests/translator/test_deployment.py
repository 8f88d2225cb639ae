"""Deployment values: which source wins, and how each spelling reaches the request."""

from __future__ import annotations

import json

import pytest
from code_cases import bash, in_dag
from compiling import codes, compile_files, compile_text, only_artefact, write_dag

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
    return json.loads(only_artefact(compiled).text())["States"]["t"]["Arguments"]


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


def test_environments_and_tags_are_united(tmp_path):
    config = {"tags": {"a": "outer"}, "ductwork": {"environment": {"X": "1"}}}
    made = arguments_of(tmp_path, config)
    assert made["Tags"] == {"a": "outer"}
    assert {"Name": "X", "Value": "1"} in made["ContainerOverrides"]["Environment"]


RETRIES = [
    # retries, seconds, exponential, longest -> the retrier of the task, None for none
    (0, 300, False, None, None),
    (2, 300, False, None, {"IntervalSeconds": 300, "MaxAttempts": 2, "BackoffRate": 1.0}),
    (1, 0, False, None, {"IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0}),
    (1, 0.2, False, None, {"IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0}),
    (3, 60, True, None, {"IntervalSeconds": 60, "MaxAttempts": 3, "BackoffRate": 2.0, "MaxDelaySeconds": 86_400}),
    (3, 60, 3.0, 600, {"IntervalSeconds": 60, "MaxAttempts": 3, "BackoffRate": 3.0, "MaxDelaySeconds": 600}),
    (3, 60, True, 30, {"IntervalSeconds": 30, "MaxAttempts": 3, "BackoffRate": 1.0}),
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
    assert own[0] == {"ErrorEquals": ["Ductwork.Failed"], "MaxAttempts": 0}
    assert own[1:] == [{"ErrorEquals": ["Ductwork.Retry", "States.TaskFailed"], **expected}]


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


@pytest.mark.parametrize(
    ("argument", "flags", "bus"),
    [
        ("", {}, None),
        ("", {"event_bus": "assets"}, "assets"),
        (", executor_config={'ductwork': {'event_bus': '${EventBus}'}}", {"event_bus": "assets"}, "${EventBus}"),
    ],
)
def test_the_event_bus_is_a_variable_of_the_container(argument, flags, bus, tmp_path):
    compiled = compile_text(tmp_path, in_dag(bash(more=argument)), **flags)
    assert codes(compiled.diagnostics) == []
    overrides = json.loads(only_artefact(compiled).text())["States"]["t"]["Arguments"]["ContainerOverrides"]
    assert {each["Name"]: each["Value"] for each in overrides["Environment"]}.get("DUCTWORK_EVENT_BUS") == bus
