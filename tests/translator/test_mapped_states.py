"""What carries the instances of mapped tasks out, and what that costs."""

import json

import pytest
from code_cases import in_dag
from compiling import compile_files, only_artefact, write_dag
from ductwork.backends.stepfunctions import costs
from ductwork.ir import BatchJob
from ductwork.ir.per_instance import combined, spread
from jsonata_eval import evaluate_leaves

ECHO = "BashOperator.partial(task_id='t'{more}).expand(bash_command={over})"
GROUP = """
from airflow.sdk import task_group
@task_group
def g(x):
    BashOperator(task_id='a', bash_command=x) >> BashOperator(task_id='b', bash_command='true')
g.expand(x={over}) >> BashOperator(task_id='end', bash_command='true', trigger_rule='none_failed')
"""
MANY = "task(task_id='many')(lambda: ['a'])()"


def compiled(folder, body):
    return json.loads(only_artefact(compile_files(write_dag(folder, in_dag(*body.splitlines())))).text())


def states(scope):
    """All states by name, those of inner scopes too."""
    found = dict(scope["States"])
    for state in scope["States"].values():
        for inner in [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            found |= states(inner)
    return found


def mode(found, name):
    """How a Map runs its iterations, None where there is no such Map."""
    return found[name]["ItemProcessor"]["ProcessorConfig"]["Mode"] if name in found else None


@pytest.mark.parametrize(
    ("more", "over", "expected"),
    [
        ("", "['a', 'b']", None),
        (", max_active_tis_per_dagrun=1", "['a', 'b']", "INLINE"),
        (", max_active_tis_per_dag=1", "['a', 'b']", "INLINE"),
        (", retries=9", "['a', 'b']", None),
        # Batch makes ten attempts.
        (", retries=10", "['a', 'b']", "INLINE"),
        (", max_active_tis_per_dagrun=40", "['a'] * 150", "INLINE"),
        # More than 40 at a time, or a long history.
        (", max_active_tis_per_dagrun=41", "['a'] * 150", "DISTRIBUTED"),
        (", max_active_tis_per_dagrun=1", "['a'] * 200", "DISTRIBUTED"),
        (", max_active_tis_per_dagrun=1", MANY + ".output", "DISTRIBUTED"),
    ],
)
def test_what_runs_a_mapped_task(tmp_path, more, over, expected):
    body = ECHO.format(more=more, over=over.replace(".output", ""))
    found = states(compiled(tmp_path, body))
    assert mode(found, "each of t") == expected
    assert ("Only t[0]?" in found) == (expected is None)


POLICY = "retry_policy=__import__('airflow.sdk').sdk.ExceptionRetryPolicy(rules=[])"


@pytest.mark.parametrize(
    ("more", "limit"),
    [
        ("", 90),
        (f", {POLICY}", 90),
        # The container of the next try is there while the delay passes.
        (", retries=1, retry_delay=timedelta(seconds=300)", 390),
        # Whose delays nobody knows.
        (f", retries=1, {POLICY}", None),
    ],
)
def test_the_time_limit_of_an_array_leaves_room_for_the_delay(more, limit, tmp_path):
    body = ECHO.format(more=f", execution_timeout=timedelta(seconds=30){more}", over="['a', 'b']")
    arguments = states(compiled(tmp_path, body))["t"]["Arguments"]
    assert arguments.get("Timeout") == (limit and {"AttemptDurationSeconds": limit})


@pytest.mark.parametrize(
    ("over", "expected"), [("['a', 'b']", "INLINE"), ("['a'] * 41", "DISTRIBUTED"), (MANY, "DISTRIBUTED")]
)
def test_what_runs_a_mapped_group(tmp_path, over, expected):
    assert mode(states(compiled(tmp_path, GROUP.format(over=over))), "each of g") == expected


def test_five_thousand_instances_cost_what_two_do(tmp_path):
    events = [costs.cost(compiled(tmp_path, ECHO.format(more="", over=f"['a'] * {size}")))[1] for size in (2, 5_000)]
    assert events == [42, 46]  # a query may have further pages


def test_several_arrays(tmp_path):
    """An array has 2 to 10,000 children."""
    found = states(compiled(tmp_path, ECHO.format(more="", over="['a'] * 10_001")))
    for size, sizes in ((10_001, [10_000, 1]), (20_002, [10_000, 10_000, 2]), (1, [1]), (10_000, [10_000])):
        parts = evaluate_leaves(found["Arrays of t"]["Items"], {"states": {"input": {"the size": size}}})
        assert [part["size"] for part in parts] == sizes
        assert [part["offset"] for part in parts] == [10_000 * number for number in range(len(sizes))]
        assert {part["of"] for part in parts} == {size}
    bindings = {"states": {"input": {"offset": 10_000, "size": 2, "of": 10_002}}, "run": {"id": "r", "env": []}}
    environment = evaluate_leaves(found["t"]["Arguments"], bindings)["ContainerOverrides"]["Environment"]
    given = {item["Name"]: item["Value"] for item in environment}
    assert (given["DUCTWORK_MAP_OFFSET"], given["DUCTWORK_MAP_SIZE"]) == ("10000", "10002")


def test_more_instances_than_a_distributed_map_can_hand_back(tmp_path):
    over = "['a'] * 30_001"
    items = states(compiled(tmp_path, GROUP.format(over=over)))["each of g"]["Items"]
    assert "$error('g has more than 30,000 instances')" in items


def test_outcomes_of_a_distributed_map(tmp_path):
    found = states(compiled(tmp_path, GROUP.format(over="['a'] * 41")))
    ends = [("success", "success"), ("failed", "upstream_failed"), ("success", "skipped"), ("success", "success")]
    packed = [
        evaluate_leaves(found["Ends of g"]["Output"], {"states": {"input": {"g.a": a, "g.b": b}}}) for a, b in ends
    ]
    assert len(packed) == 4
    output = evaluate_leaves(found["each of g"]["Output"], {"states": {"input": {}, "result": packed}})
    assert output == {"g.b": ["success", "upstream_failed", "skipped"]}


def test_no_item_of_a_distributed_map_reads_a_variable_of_its_machine(tmp_path):
    group = states(compiled(tmp_path, GROUP.format(over="['a'] * 41")))["each of g"]
    assert "$run" not in json.dumps(group["ItemProcessor"])
    assert group["ItemSelector"]["dagrun"] == "{% $run %}"


JOBS = "BatchOperator.partial(task_id='t', job_queue='q', job_definition='d'{more}).{expanded}"


@pytest.mark.parametrize(
    ("more", "expanded", "native"),
    [
        ("", "expand(job_name=['a', 'b'])", True),
        ("", "expand_kwargs([{'job_name': 'a'}, {'job_name': 'b', 'parameters': {'x': 'y'}}])", False),
        ("", "expand_kwargs([{'job_name': 'a', 'tags': {'x': 'y'}}, {'job_name': 'b', 'tags': {}}])", False),
        (", job_name='n'", "expand(parameters=[{'x': '1'}, {'y': '2'}])", True),
        (", job_name='n'", "expand(wait_for_completion=[True, False])", False),
        (", job_name='n'", "expand(aws_conn_id=['aws_default', 'other'])", False),
        ("", f"expand(job_name={MANY})", False),
        (", job_name='n'", "expand(parameters=[{'x': '1'}] * 1_000)", True),
        (", job_name='n'", "expand(parameters=[{'x': '1'}] * 1_001)", False),
        # Airflow raises this when the instance runs, and so does its worker.
        ("", "expand_kwargs([{'job_name': 'a'}, {'job_name': 'b', 'no_such_argument': 1}])", False),
    ],
)
def test_instances_that_are_jobs_of_the_users_own(tmp_path, more, expanded, native):
    found = states(compiled(tmp_path, JOBS.format(more=more, expanded=expanded)))
    assert ("t[n]" in found, "Only t[0]?" in found) == (native, not native)


def test_a_users_own_operator_is_not_made_while_compiling(tmp_path):
    body = """
class Own(BatchOperator):
    def __init__(self, **arguments):
        import pathlib
        pathlib.Path(__file__ + '.made').touch()
        super().__init__(**arguments)
Own.partial(task_id='t', job_queue='q', job_definition='d').expand(job_name=['a', 'b'])
"""
    assert "Only t[0]?" in states(compiled(tmp_path, body))
    assert not list(tmp_path.rglob("*.made"))


def test_instances_that_differ_in_too_much_are_an_array_of_workers(tmp_path):
    """A machine's definition has 1 MB: a thousand requests of a kilobyte each would leave nothing for others."""
    over = "[{'x': str(n) + 'y' * size} for n in range(1000)]"
    body = JOBS.format(more=", job_name='n'", expanded=f"expand(parameters={over})")
    small, large = (states(compiled(tmp_path, body.replace("size", str(size)))) for size in (10, 1000))
    assert ("each of t" in small, "each of t" in large) == (True, False)


def test_numbers_and_truths_stay_apart(tmp_path):
    """1 == True, also within lists and objects."""
    one, two = ({"request": {"a": [1, {"b": value}]}} for value in (1, True))
    made = combined([BatchJob(why="", **each) for each in (one, two)])
    assert [job.request["a"][1]["b"] is True for job in spread(made)] == [False, True]


def test_a_problem_of_all_instances_is_told_once(tmp_path):
    body = JOBS.format(more=", container_overrides={'vcpus': 'many'}", expanded="expand(job_name=['a', 'b'])")
    found = compile_files(write_dag(tmp_path, in_dag(*body.splitlines()))).diagnostics
    assert [finding.code for finding in found] == ["DW401"]


def test_each_instance_gets_its_own_request(tmp_path):
    items = ["{'x': '{{ ds }}'}", "{'x': \"it's\"}", "{'x': 'c'}"]
    body = JOBS.format(more=", job_name='n'", expanded=f"expand(parameters=[{', '.join(items)}])")
    arguments = states(compiled(tmp_path, body))["t[n]"]["Arguments"]
    run = {"logical_date": "2026-03-04T05"}
    given = [evaluate_leaves(arguments, {"index": index, "run": run}) for index in range(3)]
    assert [each["Parameters"]["x"] for each in given] == ["2026-03-04", "it's", "c"]
    assert [each["JobQueue"] for each in given] == ["q"] * 3


PAST = """
from airflow.sdk import task_group
@task_group
def g(x):
    BashOperator(task_id='a', bash_command=x, depends_on_past=True) >> BashOperator(task_id='b', bash_command='true')
g.expand(x=['a', 'b'])
"""
JOINED = """
from airflow.sdk import task_group
@task_group
def g(x):
    a, b = (BashOperator(task_id=name, bash_command=x) for name in 'ab')
    a >> BashOperator(task_id='c', bash_command='true', trigger_rule='one_done') << b
g.expand(x=['a', 'b'])
"""


def test_a_group_waits_for_the_past_before_its_map(tmp_path):
    machine = compiled(tmp_path, PAST)
    order = list(machine["States"])
    waiting = [name for name in order if machine["States"][name].get("Resource", "").endswith("waitForTaskToken")]
    assert waiting
    assert order.index(waiting[0]) < order.index("each of g")
    assert not [name for name in states(machine["States"]["each of g"]["ItemProcessor"]) if name in waiting]


@pytest.mark.parametrize(("body", "prefixed"), [(PAST, False), (JOINED, True)])
def test_a_run_whose_only_joins_are_in_a_mapped_group_tells_them_from_an_earlier_executions(tmp_path, body, prefixed):
    prepared = json.dumps(compiled(tmp_path, body)["States"]["Prepare run"])
    assert ("'joins'" in prepared) == prefixed
