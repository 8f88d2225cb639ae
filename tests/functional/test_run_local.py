"""``ductwork run --local`` and ``ductwork status --local`` as a user meets them."""

import json
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags"
RUN_ID = "manual__functional"


@pytest.fixture(scope="module")
def sample(shared_ductwork):
    return shared_ductwork(
        "run",
        ROOT / "dags" / "daily_edw_load.py",
        "--local",
        "--json",
        "--run-id",
        RUN_ID,
        "--logical-date",
        "2026-03-04",
        fresh=True,
    )


def test_the_sample_succeeds(sample):
    assert sample.code == 0, sample.err
    assert sample.json["dag_id"] == "daily_edw_load"
    assert sample.json["run_id"] == RUN_ID
    assert sample.json["state"] == "success"
    states = {task["task_id"]: (task["state"], task["try_number"]) for task in sample.json["tasks"]}
    assert states == dict.fromkeys(["FTP", "Cleanse", "ConvertParquet", "Aggregate", "LoadRedshift"], ("success", 1))


def test_its_values_are_those_of_its_day(sample):
    values = {task["task_id"]: task["return_value"] for task in sample.json["tasks"]}
    assert values["Cleanse"] == 989
    assert set(values["Aggregate"]) == {"north", "south", "east", "west"}
    assert values["LoadRedshift"] == 4


def test_stdout_is_one_json_object(sample):
    assert len(sample.out.strip().splitlines()) == 1


def test_progress_goes_to_stderr_a_line_a_change(sample):
    lines = [line.split() for line in sample.err.splitlines() if line.startswith("FTP")]
    assert [words[1] for words in lines][-1] == "success"
    assert all(words[2:4] == ["try", "1"] for words in lines)


def test_the_same_run_id_twice_is_refused(sample, shared_ductwork):
    again = shared_ductwork("run", ROOT / "dags" / "daily_edw_load.py", "--local", "--run-id", RUN_ID)
    assert again.code == 1
    assert "DW503" in again.err


def test_status_shows_the_run_afterwards(sample, shared_ductwork):
    shown = shared_ductwork("status", "daily_edw_load", RUN_ID, "--local", "--json")
    assert shown.code == 0
    assert shown.json["tasks"] == sample.json["tasks"]
    lines = shared_ductwork("status", "daily_edw_load", RUN_ID, "--local").out.splitlines()
    assert lines[0].split() == ["task", "state", "try", "started", "duration"]
    assert [line.split()[:3] for line in lines[1:]] == [
        [task["task_id"], "success", "1"] for task in shown.json["tasks"]
    ]


def test_runs_lists_it(sample, shared_ductwork):
    listed = shared_ductwork("runs", "daily_edw_load", "--local", "--json")
    assert (listed.code, listed.json["dag_id"]) == (0, "daily_edw_load")
    found = next(run for run in listed.json["runs"] if run["run_id"] == RUN_ID)
    assert (found["state"], found["target"], found["engine"]) == (sample.json["state"], "stepfunctions", None)
    assert found["started_at"] < found["ended_at"]
    shown = shared_ductwork("runs", "daily_edw_load", "--local").out.splitlines()
    assert shown[0].split() == ["run", "state", "target", "logical", "date", "started", "duration"]
    assert any(line.split()[:3] == [RUN_ID, "success", "stepfunctions"] for line in shown[1:])
    unknown = shared_ductwork("runs", "no_such_dag", "--local", "--json")
    assert (unknown.code, unknown.out, "DW505" in unknown.err) == (1, "", True)
    assert shared_ductwork("runs", "--local").code == 2


@pytest.mark.parametrize("arguments", [("no_such_dag",), ("daily_edw_load", "no_such_run")])
def test_status_of_an_unknown_run(sample, shared_ductwork, arguments):
    shown = shared_ductwork("status", *arguments, "--local")
    assert (shown.code, "DW505" in shown.err) == (1, True)


def test_status_where_no_ledger_answers(ductwork):
    shown = ductwork(
        "status", "any", "--endpoint-url", "http://127.0.0.1:9", "--region", "eu-west-1", AWS_MAX_ATTEMPTS="1"
    )
    assert (shown.code, "DW506" in shown.err) == (1, True)


def test_a_damaged_ledger_file_is_named(ductwork):
    file = ductwork.home / "ductwork" / "ledger.json"
    file.parent.mkdir(parents=True)
    file.write_text("{ not json")
    for arguments in (("status", "any", "--local"), ("run", DAGS / "disasters.py", "--local")):
        shown = ductwork(*arguments)
        assert (shown.code, "DW506" in shown.err, str(file) in shown.err) == (1, True, True), shown.err
    assert file.read_text() == "{ not json"


def test_a_dag_without_tasks_and_one_of_several_dags(ductwork):
    cases = ROOT / "tests" / "differential" / "dags" / "components.py"
    refused = ductwork("run", cases, "--local")
    assert (refused.code, "DW107" in refused.err) == (1, True)
    empty = ductwork("run", cases, "--local", "--dag-id", "components_none", "--json")
    assert (empty.code, empty.json["state"], empty.json["tasks"]) == (0, "success", [])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--conf", "{not json"), "DW501"),
        (("--conf", "[1]"), "DW501"),
        (("--conf", '{"x": NaN}'), "DW501"),
        (("--conf", '{"x": [1e400]}'), "DW501"),
        (("--conf", '{"rows": {"no": "schema"}}', "--logical-date", "tomorrow"), "DW502"),
        (("--job-queue", "no spaces allowed"), "DW201"),
        (("--memory", "plenty"), "DW201"),
        (("--vcpus", "inf"), "DW201"),
        (("--logical-date", "0001-01-01"), "DW502"),
        (("--logical-date", "9999-12-31T23:59:59-23:00"), "DW502"),
        (("--run-id", "a#b"), "DW509"),
        (("--run-id", "r" * 251), "DW509"),
        (("--dag-id", "other"), "DW107"),
        (("--job-definitions", "/no/such/file"), "DW504"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(ductwork, arguments, code):
    refused = ductwork("run", ROOT / "dags" / "taskflow_etl.py", "--local", *arguments)
    assert (refused.code, code in refused.err, refused.out) == (1, True, "")
    assert not (ductwork.home / "ductwork" / "ledger.json").exists()


def test_conf_must_fit_the_params(ductwork, tmp_path):
    dag = tmp_path / "strict.py"
    dag.write_text(
        "from airflow.sdk import DAG, Param\n"
        "with DAG('strict', params={'n': Param(1, type='integer', maximum=5)}):\n    pass\n"
    )
    assert ductwork("run", dag, "--local", "--conf", '{"n": 3}').code == 0
    refused = ductwork("run", dag, "--local", "--conf", '{"n": 9}')
    words = "Invalid input for param n: 9 is greater than the maximum of 5"
    assert (refused.code, "DW501" in refused.err, words in refused.err) == (1, True, True), refused.err


def test_usage_errors_exit_with_2(ductwork):
    assert ductwork("run").code == 2
    assert ductwork("run", DAGS / "slow.py", "--place", "JobQueue").code == 2
    engine = ductwork("run", DAGS / "slow.py", "--local", "--target", "batch", "--engine", "batch")
    assert (engine.code, "--engine goes with --target stepfunctions: batch has no" in engine.err) == (2, True)
    assert ductwork("run", DAGS / "slow.py", "--local", "--jobs", "0").code == 2
    assert ductwork("status", "any", "--local", "--watch").code == 2


def test_conf_and_variables_reach_the_tasks(ductwork):
    done = ductwork("run", ROOT / "dags" / "taskflow_etl.py", "--local", "--json", "--conf", json.dumps({"rows": 2}))
    values = {task["task_id"]: task.get("return_value") for task in done.json["tasks"]}
    assert values["load"] == "2 orders, 1.50 in total, the largest is number 1"


def test_a_job_nobody_knows_the_command_of(ductwork, tmp_path):
    refused = ductwork("run", DAGS / "unknown_job.py", "--local")
    assert (refused.code, "DW504" in refused.err, "unknown_job.job" in refused.err) == (1, True, True)
    known = tmp_path / "definitions.json"
    definition = {
        "jobDefinitionName": "somebody-elses",
        "revision": 7,
        "containerProperties": {
            "command": ["sh", "-c", "test $COLOUR = blue"],
            "environment": [{"name": "COLOUR", "value": "blue"}],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/key"}],
        },
    }
    known.write_text(json.dumps({"jobDefinitions": [definition]}))
    done = ductwork("run", DAGS / "unknown_job.py", "--local", "--json", "--job-definitions", known)
    assert (done.code, done.json["tasks"][0]["state"]) == (0, "success"), done.err
    assert "DW515" in done.err
    assert "DW515" not in refused.err


def test_without_the_local_extra(ductwork, tmp_path):
    """The extra is an option; without it the command says what to install."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jsonata'] = None\n")
    refused = ductwork("run", DAGS / "slow.py", "--local", PYTHONPATH=str(tmp_path))
    assert (refused.code, "DW508" in refused.err) == (1, True)


def test_the_users_credentials_reach_no_task(ductwork, tmp_path):
    dag = tmp_path / "spy.py"
    dag.write_text(
        "import os\nfrom airflow.sdk import DAG, task\n"
        "with DAG('spy'):\n    @task\n    def env():\n"
        "        return {k: v for k, v in os.environ.items() if k.startswith('AWS_') or k == 'AIRFLOW_VAR_SEEN'}\n"
        "    env()\n"
    )
    done = ductwork("run", dag, "--local", "--json", AIRFLOW_VAR_SEEN="yes")
    environment = done.json["tasks"][0]["return_value"]
    assert environment["AIRFLOW_VAR_SEEN"] == "yes"
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "AWS_PROFILE" not in environment
    assert not any("own" in value.lower() for value in environment.values())


def test_what_a_file_takes_from_the_clock_is_of_the_run(ductwork, tmp_path):
    """Compiled into the job's request, it would be of the compilation, before the run."""
    dag = tmp_path / "clock.py"
    dag.write_text(
        "from datetime import datetime, timezone\nfrom airflow.sdk import DAG\n"
        "from airflow.providers.amazon.aws.operators.batch import BatchOperator\n"
        "with DAG('clock'):\n    BatchOperator(task_id='job', job_name='n', job_queue='q', job_definition='d',\n"
        "        container_overrides={'environment': [{'name': 'AT', 'value': datetime.now(timezone.utc).isoformat()}],\n"
        f"            'command': ['sh', '-c', 'echo $AT > {tmp_path}/at']}})\n"
    )
    done = ductwork("run", dag, "--local", "--json")
    assert (done.code, "DW115" in done.err) == (0, True), done.err
    # A run without a date of its own is named after its moment, once the file has been compiled.
    begun = datetime.fromisoformat(done.json["run_id"].removeprefix("manual__"))
    assert begun < datetime.fromisoformat((tmp_path / "at").read_text().strip())


@pytest.mark.parametrize("target", [("stepfunctions",), ("stepfunctions", "--engine", "batch"), ("batch",)])
def test_a_run_has_its_partition_and_keeps_it(ductwork, tmp_path, target):
    conf = json.dumps({"gate": str(tmp_path / "gate")})
    given = ("--partition-key", "2026-03-01", "--conf", conf, "--run-id", "r", "--target", *target)
    failed = ductwork("run", DAGS / "partitions.py", "--local", "--json", *given)
    assert (failed.code, "DW328" in failed.err) == (1, True), failed.err
    said = "2026-03-01 2026-02-28 23:00:00+00:00"
    assert [task.get("return_value") for task in failed.json["tasks"]] == [said, None]
    (tmp_path / "gate").touch()
    mended = ductwork("restart", "partitions", "r", "--local", "--json")
    assert mended.code == 0, mended.err
    assert [task["return_value"] for task in mended.json["tasks"]] == [said, said.split(" ", 1)]


def test_a_run_without_a_partition(ductwork, tmp_path):
    (tmp_path / "gate").touch()
    conf = json.dumps({"gate": str(tmp_path / "gate")})
    done = ductwork("run", DAGS / "partitions.py", "--local", "--json", "--conf", conf)
    assert [task["return_value"] for task in done.json["tasks"]] == ["None None", [None, "None"]], done.err


@pytest.mark.parametrize(
    ("dag", "key", "words"),
    [
        (DAGS / "slow.py", "2026-03-01", "not partitioned"),
        (DAGS / "partitions.py", "the first of March", "%Y-%m-%d"),
        (DAGS / "partitions.py", " ", "1 to 250 characters"),
        (DAGS / "partitions.py", "k" * 251, "1 to 250 characters"),
    ],
)
def test_a_partition_key_is_one_of_the_dags(ductwork, dag, key, words):
    refused = ductwork("run", dag, "--local", "--partition-key", key)
    assert (refused.code, "DW329" in refused.err, words in refused.err) == (1, True, True), refused.err
    assert not (ductwork.home / "ductwork" / "ledger.json").exists()
