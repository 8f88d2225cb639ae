"""State machines that submit a job chain: what they cost, what they send, and what is refused."""

from __future__ import annotations

import json

import pytest
from asl_check import assert_sound, problems
from compiling import codes, compile_text, document
from ductwork.backends.stepfunctions.costs import cost

SYNC, SUBMIT, SDK = (
    f"arn:aws:states:::{name}" for name in ("batch:submitJob.sync", "batch:submitJob", "aws-sdk:batch:submitJob")
)
LINE = "with DAG('case'):\n    tasks = [BashOperator(task_id=f't{n}', bash_command='true') for n in range(%d)]\n    "
SERIES = LINE + "[up >> down for up, down in zip(tasks, tasks[1:])]\n"
FAN = LINE + "tasks[0] >> tasks[1:-1] >> tasks[-1]\n"


def machine(folder, body, **options):
    made = document(compile_text(folder, body, engine="batch", **options))
    assert_sound(made)
    return made


def tasks(made):
    """The states that submit jobs, by name, those in branches included."""
    branches = [branch["States"] for state in made["States"].values() for branch in state.get("Branches", ())]
    states = {name: state for scope in (made["States"], *branches) for name, state in scope.items()}
    return {name: state for name, state in states.items() if "submitJob" in state.get("Resource", "")}


@pytest.mark.parametrize("body", [SERIES, FAN], ids=["series", "fan"])
def test_a_task_is_one_transition(tmp_path, body):
    """And the ends of the run are as many for any number of tasks."""
    counts = [cost(machine(tmp_path, body % number))[0] - number for number in (3, 7, 15)]
    assert counts == [5] * 3  # Prepare run, Start run, Have all ended well?, Finish run, Run succeeded


def test_a_task_is_fewer_transitions_than_among_states(tmp_path):
    number = 20
    one, other = (cost(document(compile_text(tmp_path, FAN % number, engine=engine))) for engine in ("batch", "states"))
    assert (one[0], other[0]) == (number + 5, 2 * number + 6)
    assert one[1] < other[1]


def test_only_the_sinks_are_waited_for(tmp_path):
    body = LINE % 4 + "tasks[0] >> [tasks[1], tasks[2]]\n"
    made = machine(tmp_path, body)
    waited = {name for name, state in tasks(made).items() if state["Resource"] == SYNC}
    assert waited == {"t1", "t2", "t3", "Settle run"}
    assert tasks(made)["t0"]["Resource"] == SUBMIT
    # Every job has one above it at the most: when the sinks have ended, all have.
    assert "Look at jobs" not in made["States"]
    assert "Look at jobs" in machine(tmp_path, FAN % 4)["States"]


def test_a_job_names_those_above_it(tmp_path):
    made = tasks(machine(tmp_path, FAN % 4))
    assert made["t0"]["Assign"] == {"job_0": "{% $states.result.JobId %}"}
    assert made["t3"]["Arguments"]["DependsOn"] == [{"JobId": "{% $job_1 %}"}, {"JobId": "{% $job_2 %}"}]
    assert made["t3"]["Arguments"]["JobName"] == "{% 'case-t3-' & $run.hash %}"


def test_what_the_optimized_integration_may_not_know_goes_through_the_sdk(tmp_path):
    body = SERIES.replace("bash_command='true'", "bash_command='true', retries=1") % 2
    made = tasks(machine(tmp_path, body))
    assert made["t0"]["Resource"] == SDK
    assert made["t0"]["Arguments"]["RetryStrategy"]["EvaluateOnExit"] == [{"OnExitCode": "79", "Action": "EXIT"}]
    assert "Batch.BatchException" in made["t0"]["Retry"][0]["ErrorEquals"]


def test_texts_of_the_user_stay_texts(tmp_path):
    body = """
    with DAG("case"):
        BatchOperator(
            task_id="t", job_name="n", job_queue="q", job_definition="d", tags={"a.b": "{{ '{%' }} 1 %}"},
            container_overrides={"command": ["{{ ds }}x", "${run:other}", "${HOME}", "it's {{ run_id }}"]},
        )
    """
    arguments = tasks(machine(tmp_path, body))["t"]["Arguments"]
    command = arguments["ContainerOverrides"]["Command"]
    assert command[1:3] == ["${run:other}", "${HOME}"]
    assert command[0] == "{% $substring($run.logical_date,0,10) & 'x' %}"
    assert command[3] == """{% "it's " & $run.id %}"""
    assert set(arguments["Tags"]) == {"a.b"}


def test_plain_containers_need_no_image_of_ours(tmp_path):
    body = """
    with DAG("case"):
        jobs = [BatchOperator(task_id=f"t{n}", job_name="n", job_queue="q", job_definition="d") for n in range(3)]
        jobs[:2] >> jobs[2] >> EmptyOperator(task_id="end")
    """
    made = machine(tmp_path, body)
    assert {"Settle run", "Stop run"}.isdisjoint(made["States"])
    assert "${JobDefinition}" not in json.dumps(made)
    # The empty task is ended by who looks: until then the run is finished, and has not ended.
    assert "finished_at" in made["States"]["Finish run"]["Arguments"]["UpdateExpression"]


def test_a_dag_without_jobs(tmp_path):
    made = machine(tmp_path, "with DAG('case'):\n    EmptyOperator(task_id='a') >> EmptyOperator(task_id='b')\n")
    assert tasks(made) == {}
    assert made["States"]["Start run"]["Next"] == "Finish run"


def test_the_run_says_who_carries_it(tmp_path):
    body = (
        "with DAG('case'):\n    BashOperator(task_id='t', bash_command='true', retries=1, retry_delay=timedelta(0.5))\n"
    )
    item = machine(tmp_path, body)["States"]["Start run"]["Arguments"]["Item"]
    assert (item["target"], item["engine"]) == ({"S": "stepfunctions"}, {"S": "batch"})
    assert item["tasks"] == {"S": '{"t":{"job":"case-t","max_tries":1,"retry_delay":43200.0}}'}


GROUP = """
from airflow.sdk import task_group
with DAG('case'):
    @task_group
    def g(x):
        BashOperator(task_id='a', bash_command=x) >> BashOperator(task_id='b', bash_command='true')
    BashOperator(task_id='first', bash_command='true') >> g.expand(x=['x', 'y', 'z'])
"""


def test_mapped_tasks_are_array_jobs_and_the_ledger_knows_their_sizes(tmp_path):
    made = machine(tmp_path, GROUP)
    arrays = {name: state["Arguments"] for name, state in tasks(made).items() if name.startswith("g.")}
    assert {name: each["ArrayProperties"] for name, each in arrays.items()} == dict.fromkeys(
        ["g.a", "g.b"], {"Size": 3}
    )
    # All of the group waits for what is above it, each instance for its own.
    assert arrays["g.a"]["DependsOn"] == [{"JobId": "{% $job_0 %}"}]
    assert arrays["g.b"]["DependsOn"] == [{"JobId": "{% $job_1 %}", "Type": "N_TO_N"}]
    sizes = {
        state["Arguments"]["Key"]["sk"]["S"]: state["Arguments"]["ExpressionAttributeValues"][":size"]
        for name, state in made["States"].items()
        if name.startswith("Expand ")
    }
    assert sizes == {"map#g.a": {"N": "3"}, "map#g.b": {"N": "3"}}
    assert made["States"]["Start run"]["Next"] == "Expand g.a"


def test_limits_are_told_not_honoured(tmp_path):
    """As in a chain: nothing waits for a slot that nobody would hand on."""
    body = SERIES.replace("DAG('case')", "DAG('case', max_active_runs=1, schedule='@daily')") % 2
    compiled = compile_text(tmp_path, body, engine="batch")
    assert codes(compiled.diagnostics) == ["DW308"]
    made = document(compiled)
    assert made["States"]["Start run"]["Next"] == "t0"
    assert made["States"]["Start run"]["Arguments"]["Item"]["state"] == {"S": "running"}


def test_what_a_chain_refuses_is_refused_and_the_way_out_is_named(tmp_path):
    body = "with DAG('case'):\n    BashOperator.partial(task_id='t').expand(bash_command=task(task_id='many')(lambda: ['a'])())\n"
    compiled = compile_text(tmp_path, body, engine="batch")
    assert compiled.artefacts == []
    (finding,) = compiled.diagnostics
    assert (finding.code, finding.hint) == ("DW304", "leave --engine batch out")


def test_what_no_state_can_be_handed_is_refused(tmp_path):
    body = FAN.replace("task_id=f't{n}'", "task_id=f't{n}' + 240 * 'x'")
    (artefact,) = compile_text(tmp_path, body % 100, engine="batch").artefacts
    assert_sound(json.loads(artefact.text()))
    compiled = compile_text(tmp_path, body % 320, engine="batch")
    assert compiled.artefacts == []
    (finding,) = compiled.diagnostics
    assert (finding.code, "AWS hands a state 262,144" in finding.what) == ("DW311", True), finding
    ways_out = "--target batch or --target stepfunctions without --engine batch"
    assert finding.hint.startswith(f"compile it with {ways_out}, which can carry it; or split the DAG in two")
    for flags in ({"target": "batch"}, {}):
        assert len(compile_text(tmp_path, body % 320, **flags).artefacts) == 1


def test_the_check_finds_a_variable_that_nothing_assigns(tmp_path):
    """Of the check itself: a job that names one that is submitted after it."""
    made = machine(tmp_path, SERIES % 3)
    made["States"]["t1"]["Arguments"]["DependsOn"][0]["JobId"] = "{% $job_1 %}"
    assert [problem.rule for problem in problems(made)] != []
