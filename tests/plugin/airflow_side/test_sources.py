"""What a run is started from, and what is said when that does not work."""

import json
import signal
import time
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from ductwork_airflow.airflow_side.schedule_source import Loaded, Source, SourceError, default_run_id, request_of

DAGS = Path(__file__).parent / "dags"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:etl"

WRONG = [
    (Source(), "nothing to submit"),
    (Source(dag_file="a.py", artefact={}), "both a DAG and an artefact"),
    (Source(state_machine_arn=MACHINE), "give remote_dag_id"),
    (Source(dag_file="a.py", target="lambda"), "'stepfunctions' or 'batch'"),
    (Source(artefact={"jobs": []}, target="batch", state_machine_arn=MACHINE), "target='stepfunctions' only"),
    (Source(artefact={"jobs": []}), "not one of target 'stepfunctions'"),
    (Source(artefact={"States": {}}, target="batch"), "not one of target 'batch'"),
    (Source(artefact={"States": {}}), "give remote_dag_id"),
    (Source(artefact={"jobs": [], "dag_id": "a"}, target="batch", dag_id="b"), "of DAG 'a', remote_dag_id says 'b'"),
    (Source(artefact="/no/such.asl.json"), "cannot be read"),
    (Source(dag_file="a.py", engine="glue"), "engine 'glue': it must be 'states' or 'batch'"),
    (Source(dag_file="a.py", target="batch", engine="batch"), "engine goes with target='stepfunctions' only"),
    (Source(artefact={"States": {}}, dag_id="a", engine="batch"), "what is compiled already has its own"),
    (Source(dag_file=str(DAGS / "remote.py")), "defines several DAGs"),
    (Source(dag_file=str(DAGS / "remote.py"), dag_id="nobody"), "DW107"),
]


@pytest.mark.parametrize(("source", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_submitted_says_why(source, message):
    with pytest.raises(SourceError, match=message):
        source.load()


def test_a_dag_that_does_not_compile_says_all_of_why(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("from airflow.sdk import DAG\nwith DAG('broken'):\n    no_such_name\n")
    with pytest.raises(SourceError) as raised:
        Source(dag_file=str(broken)).load()
    assert f"{broken}:3: error DW103" in str(raised.value)
    assert "no_such_name" in str(raised.value)


def test_a_dag_file_is_compiled_with_the_deployment_values():
    deployment = {"job_queue": "mine", "job_definition": "worker:3", "ledger_table": "runs"}
    source = Source(dag_file=str(DAGS / "remote.py"), dag_id="good", target="batch", deployment=deployment)
    loaded = source.load()
    assert (loaded.dag_id, loaded.document["dag_id"]) == ("good", "good")
    assert {job["submit"]["jobQueue"] for job in loaded.document["jobs"]} == {"mine"}


def test_a_dag_file_is_compiled_for_the_engine():
    loaded = Source(dag_file=str(DAGS / "remote.py"), dag_id="good", engine="batch").load()
    assert loaded.document["States"]["Start run"]["Arguments"]["Item"]["engine"] == {"S": "batch"}


def test_compiling_leaves_the_tasks_execution_timeout_in_force():
    source = Source(dag_file=str(DAGS / "remote.py"), dag_id="good")
    with timeout(30):
        source.load()
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left < 30
        signal.setitimer(signal.ITIMER_REAL, 0.01)  # the handler must be the task's too
        with pytest.raises(AirflowTaskTimeout):
            time.sleep(5)


def test_an_artefacts_path_says_which_dag_it_is(tmp_path):
    path = tmp_path / "etl.asl.json"
    path.write_text(json.dumps({"States": {}}))
    assert Source(artefact=str(path)).load() == Loaded("etl", {"States": {}})
    beside = tmp_path / "etl.jobdefinitions.json"
    beside.write_text(json.dumps([{"jobDefinitionName": "ductwork-1"}]))
    assert Source(artefact=str(path)).load() == Loaded("etl", {"States": {}}, ({"jobDefinitionName": "ductwork-1"},))


def test_a_deployed_machine_needs_no_document():
    assert Source(state_machine_arn=MACHINE, dag_id="etl").load() == Loaded("etl", None)


STRICT = """
from airflow.sdk import DAG, Param
with DAG("strict", params={"n": Param(1, type="integer", maximum=5), "free": 1}):
    pass
with DAG("required", params={"n": Param(type="integer")}):
    pass
"""


@pytest.mark.parametrize(
    ("dag_id", "conf", "words"),
    [
        ("strict", {"n": 9}, "Invalid input for param n: 9 is greater than the maximum of 5"),
        ("strict", {"n": "many"}, "Invalid input for param n: 'many' is not of type 'integer'"),
        ("required", {}, "Invalid input for param n: No value passed and Param has no default value"),
    ],
)
def test_a_conf_that_airflow_would_refuse(tmp_path, dag_id, conf, words):
    file = tmp_path / "strict.py"
    file.write_text(STRICT)
    with pytest.raises(SourceError) as refused:
        Source(dag_file=str(file), dag_id=dag_id).check_conf(dag_id, conf)
    assert str(refused.value) == f"the run's conf does not fit the params of DAG {dag_id!r}: {words}"


def test_a_conf_that_airflow_would_take(tmp_path):
    file = tmp_path / "strict.py"
    file.write_text(STRICT)
    source = Source(dag_file=str(file), dag_id="strict")
    for conf in ({}, {"n": 5}, {"free": {"any": "thing"}, "more": 1}):
        source.check_conf("strict", conf)
    Source(dag_file=str(file), dag_id="required").check_conf("required", {"n": 2})
    # Nothing is known of the params of what was compiled elsewhere.
    Source(artefact={"States": {}}, dag_id="strict").check_conf("strict", {"n": 9})


class Kind(str, Enum):
    SCHEDULED = "scheduled"


def dag_run(**changes):
    day = [datetime(2026, 1, number, tzinfo=timezone.utc) for number in (1, 2, 3)]
    values = {
        "logical_date": day[0],
        "data_interval_start": day[0],
        "data_interval_end": day[1],
        "run_after": day[2],
        "run_type": Kind.SCHEDULED,
        "conf": {"a": 1},
    }
    return SimpleNamespace(**{**values, **changes})


def test_the_remote_run_is_the_dag_runs_likeness():
    given = dag_run()
    request = request_of(given, "etl", "r1")
    assert (request.dag_id, request.run_id, request.run_type, request.conf) == ("etl", "r1", "scheduled", {"a": 1})
    assert request.logical_date == given.logical_date
    assert request.data_interval == (given.data_interval_start, given.data_interval_end)
    assert (request.partition_key, request.partition_date) == (None, None)
    partition = {"partition_key": "2026-01-01", "partition_date": given.logical_date}
    assert (
        json.loads(request_of(dag_run(**partition), "etl", "r1").execution_input()).items()
        >= {
            "partition_key": "2026-01-01",
            "partition_date": "2026-01-01T00:00:00+00:00",
        }.items()
    )
    assert request_of(given, "etl", "r1", {"b": 2}).conf == {"b": 2}
    assert request_of(given, "etl", "r1", {}).conf == {}


def test_a_dag_run_without_a_logical_date_lends_its_run_after():
    given = dag_run(logical_date=None, data_interval_start=None, data_interval_end=None, conf=None)
    request = request_of(given, "etl", "r1")
    assert request.logical_date == given.run_after
    assert request.data_interval == (given.run_after, given.run_after)
    assert request.conf == {}


def test_mapped_tasks_have_runs_of_their_own():
    assert default_run_id(SimpleNamespace(run_id="manual__1", map_index=-1)) == "manual__1"
    assert default_run_id(SimpleNamespace(run_id="manual__1", map_index=0)) == "manual__1__0"
    assert default_run_id(SimpleNamespace(run_id="manual__1", map_index=12)) == "manual__1__12"
