"""The commands without --local, against an AWS that is another process; workers are real."""

import json
import os
import re
import signal
import time
from datetime import datetime, timezone
from pathlib import Path

import boto3
import pytest
from ductwork.compiler import Options, compile_paths
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from several_machines import cut

DAGS = Path(__file__).parent / "dags"
GATED = DAGS / "gated.py"
JANUARY = datetime(2026, 1, 1, tzinfo=timezone.utc)
ROLE = "arn:aws:iam::123456789012:role/ductwork-local"
PLACES = ("--place", "JobQueue=ductwork-local", "--place", "JobDefinition=ductwork-worker")
# The last is a machine that submits a chain.
MACHINE_CHAIN = "machine_chain"
TARGETS = pytest.mark.parametrize(
    "target", ["stepfunctions", "batch", pytest.param(MACHINE_CHAIN, marks=pytest.mark.long)]
)


@pytest.fixture(scope="module")
def aws(make_shell, tmp_path_factory):
    """The endpoint of an embedded AWS that serves the DAGs of this folder."""
    home = tmp_path_factory.mktemp("service")
    service = make_shell(home).module("ductwork_airflow.local.service", DAGS, "--state", home / "state.json")
    ready, url = service.line().split()
    assert ready == "ready"
    yield url
    service.send_signal(signal.SIGTERM)
    service.wait(60)


@pytest.fixture
def remote(aws, ductwork):
    """Calls a verb with the address and credentials of that AWS."""
    del ductwork.environment["AWS_PROFILE"]

    def call(verb, *arguments):
        place = ("--endpoint-url", aws, "--region", "us-east-1")
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return ductwork(verb, *arguments, *place, **(keys | nowhere))

    return call


def start(remote, dag_id, run_id, target, *more, path=GATED):
    role = ("--role-arn", ROLE) if target != "batch" else ()
    engine = ("--engine", "batch") if target == MACHINE_CHAIN else ("--target", target)
    given = ("--dag-id", dag_id, "--run-id", run_id, *engine, "--logical-date", "2026-01-01")
    return remote("run", path, *given, *role, *PLACES, *more)


def tasks(result):
    return {task["task_id"]: task for task in result.json["tasks"]}


@TARGETS
def test_run_status_logs_and_restart(remote, target, tmp_path):
    gate, run_id = tmp_path / "gate", f"story_{target}"
    conf = ("--conf", json.dumps({"gate": str(gate)}))
    failed = start(remote, "gated", run_id, target, "--json", *conf)
    assert (failed.code, failed.json["state"]) == (1, "failed"), failed.err
    assert "the gate is closed" in failed.err
    assert "DW511" in failed.err
    # The same again finds the run.
    again = start(remote, "gated", run_id, target, "--json", *conf)
    assert (again.code, again.json) == (1, failed.json)
    assert f"To run it again: ductwork restart gated {run_id}, or choose another --run-id" in again.err
    shown = remote("status", "gated", run_id, "--json", "--watch")
    assert (shown.code, shown.json) == (1, failed.json)

    lines = remote("logs", "gated", run_id)
    assert "first was here" in lines.out
    assert "==> flaky: failed, try 1" in lines.out
    assert "first was here" not in remote("logs", "gated", run_id, "flaky").out
    assert remote("logs", "gated", run_id, "no_such").code == 1

    gate.touch()
    mended = remote("restart", "gated", run_id, "--json")
    assert mended.code == 0, mended.err
    states = {name: (task["state"], task["try_number"]) for name, task in tasks(mended).items()}
    assert states == {"first": ("success", 1), "flaky": ("success", 2), "last": ("success", 1)}
    assert tasks(mended)["last"]["return_value"] == "first, then flaky at try 2 of 2"

    told = remote("logs", "gated", run_id, "flaky").out
    first, why, second = (
        told.index(text) for text in ("==> flaky: try 1\n", "the gate is closed", "==> flaky: success, try 2\n")
    )
    assert first < why < second

    named = remote("restart", "gated", run_id, "--json", "--task", "last")
    assert {name: task["try_number"] for name, task in tasks(named).items()} == {"first": 1, "flaky": 2, "last": 2}
    nothing = remote("restart", "gated", run_id)
    assert (nothing.code, "DW516" in nothing.err, "ended well" in nothing.err) == (1, True, True)


def submit_several(aws, dag_id, run_id, conf):
    """Start a run of several machines, which the command line cannot be told to make of so small a DAG."""
    compiled = compile_paths([str(GATED)], Options("stepfunctions", dag_id))
    request = RunRequest(dag_id, run_id, JANUARY, (JANUARY, JANUARY), conf=conf)
    document = cut(compiled.workflows[0])
    assert document["parts"]
    at = Aws("us-east-1", aws, ("local", "local"))
    given = dict(place.split("=") for place in PLACES[1::2])
    lifecycle.submit(at, document, "stepfunctions", request, ledger_table="ductwork", role_arn=ROLE, places=given)
    return document


def test_every_verb_with_several_machines(remote, aws, tmp_path):
    gate = tmp_path / "gate"
    document = submit_several(aws, "gated", "several", {"gate": str(gate)})
    failed = remote("status", "gated", "several", "--watch", "--json")
    assert (failed.code, failed.json["state"]) == (1, "failed"), failed.err
    lines = remote("logs", "gated", "several")
    assert "first was here" in lines.out
    assert "the gate is closed" in lines.out
    assert "==> flaky: failed, try 1" in lines.out
    skipped = remote("skip", "gated", "several", "flaky", "--json")
    assert skipped.code == 0, skipped.err
    assert [task["state"] for task in skipped.json["tasks"]] == ["success", "skipped", "skipped"]
    gate.touch()
    mended = remote("restart", "gated", "several", "--task", "flaky", "--json")
    assert mended.code == 0, mended.err
    assert tasks(mended)["last"]["return_value"] == "first, then flaky at try 2 of 2"
    shown = remote("runs", "gated", "--json")
    assert ("several", "success") in {(run["run_id"], run["state"]) for run in shown.json["runs"]}
    kept = remote("prune", "gated", "--dry-run", "--json")
    assert (kept.code, kept.json["unused"], kept.json["kept"]) == (0, [], len(document["parts"])), kept.err


def test_several_machines_are_cancelled(remote, aws):
    submit_several(aws, "waiting", "several", {})
    refused = remote("restart", "waiting", "several", "--no-wait")
    assert (refused.code, "DW517" in refused.err) == (1, True), refused.err
    cancelled = remote("cancel", "waiting", "several", "--reason", "too slow")
    assert (cancelled.code, "waiting several: failed" in cancelled.err) == (0, True), cancelled.err
    shown = remote("status", "waiting", "several", "--json")
    assert [task["state"] in {"failed", "skipped", "upstream_failed"} for task in shown.json["tasks"]] == [True, True]


@TARGETS
def test_no_wait_and_cancel(remote, target):
    run_id = f"cancelled_{target}"
    started = start(remote, "waiting", run_id, target, "--no-wait", "--json")
    assert started.code == 0, started.err
    early = remote("restart", "waiting", run_id, "--no-wait")
    assert (early.code, "DW517" in early.err, "ductwork cancel" in early.err) == (1, True, True), early.err
    assert (started.json["run_id"], started.json["target"]) == (run_id, target.replace(MACHINE_CHAIN, "stepfunctions"))
    cancelled = remote("cancel", "waiting", run_id, "--reason", "too slow")
    assert (cancelled.code, f"waiting {run_id}: failed" in cancelled.err) == (0, True), cancelled.err
    shown = remote("status", "waiting", run_id, "--json")
    assert shown.json["state"] == "failed"
    assert {task["state"] for task in shown.json["tasks"]} <= {"failed", "skipped", "upstream_failed"}
    assert len(shown.json["tasks"]) == 2


HALF_KNOWN = """
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("half_known"):
    goes_on = BatchOperator(
        task_id="goes_on", job_name="n", job_queue="ductwork-local", job_definition="ductwork-worker",
        container_overrides={"command": ["sleep", "60"]},
    )
    unknown = {"ductwork": {"job_definition": "${Elsewhere}"}}
    not_taken = BashOperator(task_id="not_taken", bash_command="true", executor_config=unknown)
    goes_on >> not_taken >> BashOperator(task_id="below", bash_command="true")
"""


def test_a_machine_ends_the_jobs_of_a_chain_that_it_could_not_submit(remote, tmp_path):
    """By a job of the worker's image: nobody mirrors the run. AWS provides what is in its folder; this DAG is not."""
    path = tmp_path / "half_known.py"
    path.write_text(HALF_KNOWN)
    started = start(remote, "half_known", "r", MACHINE_CHAIN, "--no-wait", "--json", path=path)
    assert started.code == 0, started.err
    deadline = time.monotonic() + 60
    while (shown := remote("status", "half_known", "r", "--json")).json["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    states = {name: task["state"] for name, task in tasks(shown).items()}
    assert shown.json["state"] == "failed"
    assert states["goes_on"] in {"failed", "skipped"}
    assert {states["not_taken"], states["below"]} <= {"skipped", "upstream_failed"}
    refused = remote("restart", "half_known", "r")
    assert (refused.code, "had submitted them all" in refused.err) == (1, True), refused.err


def test_the_same_command_again_finds_the_run(remote):
    """Without a logical date, which would be another one each time."""
    for target in ("batch", "stepfunctions"):
        role = ("--role-arn", ROLE) if target != "batch" else ()
        command = ("run", GATED, "--dag-id", "strict", "--target", target, "--run-id", f"same_{target}", *role, *PLACES)
        first, again = (remote(*command, "--json") for _ in range(2))
        assert (first.code, again.code) == (0, 0), again.err
        assert first.json == again.json
        assert f"starting strict as same_{target}" in first.err


def succeeded(aws, name):
    """Wait, without any look of Ductwork's, until a job has succeeded."""
    batch = boto3.client(
        "batch", endpoint_url=aws, region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local"
    )
    deadline = time.monotonic() + 60
    while True:
        pages = batch.list_jobs(jobQueue="ductwork-local", filters=[{"name": "JOB_NAME", "values": [f"{name}*"]}])
        states = {job["status"] for job in pages["jobSummaryList"]}
        if states == {"SUCCEEDED"}:
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.5)


def test_cancelling_a_chain_that_has_ended_unseen(remote, aws):
    start(remote, "strict", "unseen", "batch", "--no-wait")
    succeeded(aws, "strict-never-")
    cancelled = remote("cancel", "strict", "unseen")
    assert (cancelled.code, "strict unseen: success" in cancelled.err) == (0, True), cancelled.err


def test_status_looks_at_a_chain_that_nobody_watches(remote):
    start(remote, "strict", "unwatched", "batch", "--no-wait")
    deadline = time.monotonic() + 60
    while (shown := remote("status", "strict", "unwatched", "--json")).json["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert (shown.code, shown.json["state"], tasks(shown)["never"]["state"]) == (0, "success", "success")


def test_other_values_are_refused(remote):
    start(remote, "gated", "values", "batch", "--no-wait", "--conf", '{"gate": "/a"}')
    other = start(remote, "gated", "values", "batch", "--no-wait", "--conf", '{"gate": "/b"}')
    assert (other.code, "DW516" in other.err, "exists already with other values" in other.err) == (1, True, True)


@TARGETS
def test_a_conf_that_does_not_fit_starts_nothing(remote, target):
    refused = start(remote, "strict", "unfit", target, "--conf", '{"level": 7}')
    words = "Invalid input for param level: 7 is not of type 'string'"
    assert (refused.code, "DW501" in refused.err, words in refused.err) == (1, True, True), refused.err
    assert remote("status", "strict", "unfit").code == 1


WIDE = """
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG

with DAG("wide"):
    for n in range(400):
        BatchOperator(task_id=f"one_of_four_hundred_tasks_{n}", job_name="n", job_queue="ductwork-local", job_definition="ductwork-worker")
"""


def test_a_run_that_is_too_large_for_the_ledger_starts_nothing(remote, tmp_path):
    path = tmp_path / "wide.py"
    path.write_text(WIDE)
    conf = json.dumps({"text": "é" * 65_000}, ensure_ascii=False)
    refused = start(remote, "wide", "large", "batch", "--conf", conf, path=path)
    assert (refused.code, "DW516" in refused.err, "over DynamoDB's limit" in refused.err) == (1, True, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*PLACES,), "pass role_arn"),
        (("--role-arn", ROLE), "leaves ${JobDefinition}, ${JobQueue} open"),
        ((*PLACES, "--role-arn", "ductwork"), "is not the ARN of a role"),
        ((*PLACES, "--role-arn", ROLE, "--ledger-table", "elsewhere"), "table 'elsewhere' does not exist"),
        ((*PLACES, "--state-machine", f"arn:aws:states:us-east-1:{'1' * 12}:stateMachine:no"), "no state machine"),
    ],
)
def test_what_is_missing_is_named(remote, arguments, words):
    refused = remote("run", GATED, "--dag-id", "gated", *arguments)
    assert (refused.code, "DW516" in refused.err, words in refused.err) == (1, True, True), refused.err
    # Without its id the same command would start another run.
    begun = re.search(r"starting gated as (\S+)", refused.err)[1]
    assert f"give the same command with --run-id '{begun}'" in refused.err


def test_the_ledger_is_created_when_asked(remote):
    made = start(remote, "gated", "r", "batch", "--no-wait", "--ledger-table", "made", "--create-ledger")
    assert made.code == 0, made.err
    assert remote("cancel", "gated", "r", "--ledger-table", "made").code == 0


@pytest.mark.parametrize("verb", ["restart", "cancel", "logs", "status"])
def test_runs_that_nobody_knows(remote, verb):
    shown = remote(verb, "gated", "no_such_run")
    assert (shown.code, "DW505" in shown.err) == (1, True), shown.err


def test_the_runs_of_a_dag_are_listed_newest_first(remote):
    for run_id, target in (("listed_1", "batch"), ("listed_2", "stepfunctions"), ("listed_3", "batch")):
        start(remote, "waiting", run_id, target, "--no-wait")
        assert remote("cancel", "waiting", run_id).code == 0
    listed = remote("runs", "waiting", "--json", "--limit", "3")
    assert listed.code == 0, listed.err
    found = [(run["run_id"], run["target"]) for run in listed.json["runs"]]
    assert found == [("listed_3", "batch"), ("listed_2", "stepfunctions"), ("listed_1", "batch")]
    assert {(run["state"], run["ended_at"] is None) for run in listed.json["runs"]} == {("failed", False)}
    lines = remote("runs", "waiting", "--limit", "1").out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "listed_3"]


def test_an_aws_that_refuses(remote):
    refused = remote("status", "gated", "r", "--ledger-table", "no_table")
    assert (refused.code, "DW506" in refused.err) == (1, True)


def test_logs_of_local_runs_show_every_try(shared_ductwork):
    flaky = Path(__file__).parents[2] / "dags" / "flaky_api.py"
    done = shared_ductwork("run", flaky, "--local", "--run-id", "tried", "--json")
    (tried, *_) = (task for task in done.json["tasks"] if task["try_number"] > 1)
    name, last = tried["task_id"], tried["try_number"]
    told = shared_ductwork("logs", done.json["dag_id"], "tried", "--task", name, "--local").out.splitlines()
    headings = [line for line in told if line.startswith("==> ")]
    assert headings == [*(f"==> {name}: try {n}" for n in range(1, last)), f"==> {name}: {tried['state']}, try {last}"]
    assert all(told[told.index(heading) + 1].startswith("20") for heading in headings), "each has lines"


def test_logs_of_local_runs(shared_ductwork):
    done = shared_ductwork("run", GATED, "--dag-id", "gated", "--local", "--run-id", "logged")
    assert done.code == 0, done.err
    lines = shared_ductwork("logs", "gated", "logged", "first", "--local")
    assert (lines.code, "first was here" in lines.out) == (0, True), lines.err
    newest = shared_ductwork("logs", "gated", "--local", "--task", "first")
    assert newest.out == lines.out
    for file in (shared_ductwork.home / "ductwork" / "logs").glob("gated-first-*.log"):
        file.unlink()
    gone = shared_ductwork("logs", "gated", "--local", "--task", "first")
    assert (gone.code, gone.out) == (0, "==> first: success, try 1\n")
    assert "nobody knows where first has logged" in gone.err
