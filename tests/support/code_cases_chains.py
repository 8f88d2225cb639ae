"""Cases of what a job chain cannot say of trigger rules, branches, teardowns and retries."""

from __future__ import annotations

from code_cases import bash, task_case

_BATCH = {"target": "batch"}
_DOCKER = "from airflow.providers.docker.operators.docker import DockerOperator"
_BRANCH = ["@task.branch", "def fork():", "    return 'x'"]
_OWN = "BatchOperator(task_id='t', job_name='n', job_queue='q', job_definition='d'"


def _container(task_id: str, more: str = "") -> str:
    return f"{task_id} = DockerOperator(task_id='{task_id}', image='r/i', command='true'{more})"


# ---- what no join can gather ----
def _wide(number: int, mark: str = "") -> list[str]:
    inside = [f"    ups = [BashOperator(task_id=f'u{{n}}', bash_command='true') for n in range({number})]"]
    last = [f"    ups >> BashOperator(task_id='t', bash_command='true'){mark}", "g.expand(x=[1, 2])"]
    return ["from airflow.sdk import task_group", "@task_group", "def g(x):", *inside, *last]


task_case(
    "DW309",
    "more than 20 upstream tasks in a mapped task group",
    _wide(21, "  # <-"),
    _wide(20),
    task="g.t",
    options=_BATCH,
)

# ---- the rule of a container, which cannot look; a rule below one, which cannot end well if it failed ----
for _rule in ("all_done", "none_failed_min_one_success"):
    task_case(
        "DW302",
        f"{_rule} of a container",
        [_DOCKER, bash("u"), _container("t", f", trigger_rule='{_rule}'") + "  # <-", "u >> t"],
        [_DOCKER, bash("u"), _container("t"), "u >> t"],
        field="trigger_rule",
        options=_BATCH,
    )
    task_case(
        "DW302",
        f"{_rule} below a container",
        [_DOCKER, _container("c"), bash(more=f", trigger_rule='{_rule}'") + "  # <-", "c >> t"],
        [bash("c"), bash(more=f", trigger_rule='{_rule}'"), "c >> t"],
        field="trigger_rule",
        options=_BATCH,
    )
task_case(
    "DW302",
    "a branch that may end later than the rule is decided",
    [*_BRANCH, bash("u"), bash(more=", trigger_rule='one_success'") + "  # <-", "[u, fork()] >> t"],
    [*_BRANCH, bash("u"), bash(more=", trigger_rule='none_failed'"), "[u, fork()] >> t"],
    field="trigger_rule",
    options=_BATCH,
)
task_case(
    "DW303",
    "a container that a branch may skip",
    [_DOCKER, *_BRANCH, _container("t") + "  # <-", "fork() >> [t, EmptyOperator(task_id='x')]"],
    [*_BRANCH, bash(), "fork() >> [t, EmptyOperator(task_id='x')]"],
    options=_BATCH,
)
task_case(
    "DW303",
    "a branch below a container",
    [_DOCKER, *_BRANCH, _container("c"), bash() + "  # <-", "c >> fork() >> [t, EmptyOperator(task_id='x')]"],
    [_DOCKER, *_BRANCH, _container("c"), "c >> fork() >> EmptyOperator(task_id='x')"],
    options=_BATCH,
)
task_case(
    "DW305",
    "a teardown of a container",
    [_DOCKER, _container("s"), bash() + ".as_teardown()  # <-", "s >> t"],
    [bash("s"), bash() + ".as_teardown()", "s >> t"],
    options=_BATCH,
)
task_case(
    "DW309",
    "a container beside what runs after a failure",
    [
        _DOCKER,
        bash("u"),
        _container("t") + "  # <-",
        bash("alarm", ", trigger_rule='one_failed'"),
        "u >> [t, alarm]",
    ],
    [_DOCKER, bash("u"), _container("t"), bash("after"), "u >> [t, after]"],
    options=_BATCH,
)
task_case(
    "DW310",
    "a job of the user's own",
    [_OWN + ", retries=1, retry_delay=timedelta(seconds=1))  # <-"],
    [bash(more=", retries=1, retry_delay=timedelta(seconds=1)")],
    field="retry_delay",
    options=_BATCH,
)
for _rule in ("one_success", "one_failed", "one_done"):
    task_case(
        "DW314",
        _rule,
        [bash("u"), bash("v"), bash(more=f", trigger_rule='{_rule}'") + "  # <-", "[u, v] >> t"],
        [bash("u"), bash(more=f", trigger_rule='{_rule}'"), "u >> t"],
        field="trigger_rule",
        options=_BATCH,
    )
