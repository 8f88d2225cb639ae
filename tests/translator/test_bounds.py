"""Airflow takes any number for how often, how long and how many at a time; AWS gets one that it takes and that does the
same."""

from __future__ import annotations

import json

import pytest
from asl_check import assert_sound
from asl_requests import environment_of, run_of, sampled
from compiling import codes, compile_text, only_artefact


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def states(tmp_path, body, **options):
    """The machine, which must be sound, and say no number that JSON has no word for."""
    made = json.loads(only_artefact(compile_text(tmp_path, body, **options)).text(), parse_constant=refuse)
    assert_sound(made)
    return made


def dag(more="", settings="", task="BashOperator(task_id='t', bash_command='true'{more})"):
    mapped = f"BashOperator.partial(task_id='m'{more}).expand(bash_command=['true', 'true'])"
    return f"with DAG('case'{settings}):\n    {task.format(more=more)}\n    {mapped}\n"


def facts(made):
    return json.loads(made["States"]["Start run"]["Arguments"]["Item"]["tasks"]["S"])


def found(scope):
    """All states of a machine by name."""
    for name, state in scope["States"].items():
        yield name, state
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            yield from found(inner)


RETRIES = [
    ("retries=-1", None),
    ("retries=10**9", {"MaxAttempts": 99_999_999, "IntervalSeconds": 300}),
    ("retries=2, retry_delay=-5", {"MaxAttempts": 2, "IntervalSeconds": None}),
    ("retries=2, retry_delay=timedelta.max", {"IntervalSeconds": 31_622_400}),
    ("retries=2, retry_exponential_backoff=-3", {"BackoffRate": 1.0}),
    ("retries=2, retry_exponential_backoff=float('inf')", {"BackoffRate": 86_400.0, "MaxDelaySeconds": 86_400}),
    (
        "retries=2, retry_exponential_backoff=2, retry_delay=5, max_retry_delay=timedelta(-1)",
        {"IntervalSeconds": None, "BackoffRate": 1.0},
    ),
    ("retries=2, retry_exponential_backoff=2, max_retry_delay=timedelta.max", {"MaxDelaySeconds": 86_400}),
]


@pytest.mark.parametrize(("settings", "expected"), RETRIES)
def test_retries_and_their_delays(tmp_path, settings, expected):
    made = states(tmp_path, dag(f", {settings}"))
    retry = dict(found(made))["t"]["Retry"]
    retriers = [entry for entry in retry if entry["ErrorEquals"] == ["States.TaskFailed"]]
    if expected is None:
        assert (retriers, facts(made)["t"].get("max_tries")) == ([], None)
    else:
        assert {name: retriers[0].get(name) for name in expected} == expected
        delays = facts(made)["m"]
        assert all(delays.get(name, 0) >= 0 for name in ("retry_delay", "retry_backoff", "max_retry_delay"))


@pytest.mark.parametrize(("settings", "_"), [case for case in RETRIES if "10**9" not in case[0]])
def test_chains_too(tmp_path, settings, _):
    made = json.loads(only_artefact(compile_text(tmp_path, dag(f", {settings}"), target="batch")).text())
    for job in made["jobs"]:
        assert job["submit"].get("retryStrategy", {}).get("attempts", 1) in {1, 3}
    json.dumps(made, allow_nan=False)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [("timedelta(-1)", 1), ("timedelta(0)", None), ("timedelta.max", None), ("timedelta(seconds=1.5)", 2)],
)
def test_dagrun_timeout(tmp_path, timeout, seconds):
    made = states(tmp_path, dag(settings=f", dagrun_timeout={timeout}"))
    assert made.get("TimeoutSeconds") == seconds


@pytest.mark.parametrize("timeout", ["timedelta(-1)", "timedelta.max", "timedelta(0)"])
def test_execution_timeout(tmp_path, timeout):
    """One that has passed before the task begins is for Airflow's own code to raise."""
    task = "BatchOperator(task_id='t', job_name='j', job_queue='q', job_definition='d'{more})"
    machine = states(tmp_path, dag(f", execution_timeout={timeout}", task=task))
    made = dict(found(machine))
    assert ("DUCTWORK_TASK_ID" in environment_of(machine, made["t"])) == (timeout == "timedelta(-1)")
    request = sampled(made["t"]["Arguments"], run_of(machine))
    assert request.get("Timeout", {}).get("AttemptDurationSeconds", 60) >= 60


@pytest.mark.parametrize("more", ["timeout=0", "timeout=10**12", "timeout=10**12, delta=timedelta.max"])
def test_a_sensor_waits_as_long_as_an_execution_may_last(tmp_path, more):
    delta = "" if "delta" in more else ", delta=timedelta(hours=1)"
    sensor = f"TimeDeltaSensor(task_id='t', {more}{delta})"
    body = f"from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor\n{dag(task=sensor)}"
    made = dict(found(states(tmp_path, body)))["t"]
    assert made["Type"] == "Wait"
    most = 2 * 366 * 86_400_000
    numbers = [int(word) for word in made["Timestamp"].replace(";", " ").split() if word.isdigit()]
    assert max(numbers) <= most
    assert ("+ 0;" in made["Timestamp"]) == (more == "timeout=0")


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize("target", ["stepfunctions", "batch"])
@pytest.mark.parametrize(
    ("name", "of_dag"),
    [("max_active_runs", 1), ("max_active_tasks", 1), ("max_active_tis_per_dag", 0), ("max_active_tis_per_dagrun", 0)],
)
def test_where_nothing_may_go_on_nothing_would_run(tmp_path, name, of_dag, number, target):
    setting = f", {name}={number}"
    body = dag(settings=setting) if of_dag else dag(setting)
    compiled = compile_text(tmp_path, body, target=target)
    told = [finding for finding in compiled.diagnostics if finding.code == "DW307"]
    assert {(finding.field, finding.task_id or "") for finding in told} == (
        {(name, "")} if of_dag else {(name, "t"), (name, "m")}
    )
    assert f"{name} is {number}: Airflow lets nothing run" in told[0].what
    assert compiled.artefacts == []
    assert "DW307" not in codes(compile_text(tmp_path, body.replace(f"={number}", "=1"), target=target).diagnostics)


def test_a_pool_of_any_number_of_slots_limits_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__POOLS", "p=-1, q=2")
    compiled = compile_text(tmp_path, dag(", pool='p', pool_slots=7"))
    assert codes(compiled.diagnostics) == []
    assert "Take" not in only_artefact(compiled).text()
    assert "Take" in only_artefact(compile_text(tmp_path, dag(", pool='q'"))).text()
