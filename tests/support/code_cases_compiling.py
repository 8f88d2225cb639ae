"""Cases of DW3xx (what a target cannot express) and DW4xx (native tasks)."""

from __future__ import annotations

from code_cases import CASES, bash, case, in_dag, task_case

_BATCH = {"target": "batch"}
task_case(
    "DW304",
    "expand over what a task returns, in a chain",
    ["BashOperator.partial(task_id='t').expand(bash_command=BashOperator(task_id='u', bash_command='').output)  # <-"],
    ["BashOperator.partial(task_id='t').expand(bash_command=['a', 'b'])"],
    options=_BATCH,
)
task_case(
    "DW304",
    "more instances than an array job has children",
    ["BashOperator.partial(task_id='t').expand(bash_command=['a'] * 101, cwd=['b'] * 100)  # <-"],
    ["BashOperator.partial(task_id='t').expand(bash_command=['a'] * 100, cwd=['b'] * 100)"],
    options=_BATCH,
)
task_case(
    "DW304",
    "a range, of which Airflow's scheduler knows the text alone",
    ["EmptyOperator.partial(task_id='t').expand(doc=range(2))  # <-"],
    ["EmptyOperator.partial(task_id='t').expand(doc=list(range(2)))"],
)
_DOCKER = [
    "from airflow.sdk import task_group",
    "from airflow.providers.docker.operators.docker import DockerOperator",
    "def box():",
    "    return DockerOperator(task_id='t', image='busybox', command='true', mount_tmp_dir=False)  # <-",
]
task_case(
    "DW304",
    "a plain container below a task without instances, in a chain",
    [*_DOCKER, "EmptyOperator.partial(task_id='none').expand(doc=[]) >> EmptyOperator(task_id='e') >> box()"],
    [*_DOCKER, "EmptyOperator.partial(task_id='some').expand(doc=['x', 'y']) >> EmptyOperator(task_id='e') >> box()"],
    options=_BATCH,
)
task_case(
    "DW304",
    "a plain container in a mapped task group, in a chain",
    [*_DOCKER, "@task_group", "def g(x):", "    box()", "g.expand(x=[1, 2])"],
    [*_DOCKER, "@task_group", "def g(x):", "    box()", "g(1)"],
    task="g.t",
    options=_BATCH,
)
_GROUP = [
    "from airflow.sdk import task_group",
    "@task_group",
    "def g(x):",
    "    BashOperator(task_id='t', bash_command='true')",
]
task_case(
    "DW304",
    "a mapped task group, in a chain",
    [*_GROUP[:-1], _GROUP[-1] + "  # <-", "g.expand(x=BashOperator(task_id='u', bash_command='').output)"],
    [*_GROUP, "g.expand(x=[1, 2])"],
    task="g.t",
    options=_BATCH,
)
case(
    "DW304",
    "a group that depends on itself",
    in_dag(
        *_GROUP[:-1],
        "    first = BashOperator(task_id='f', bash_command='true')",
        "    last = BashOperator(task_id='t', bash_command='true')  # <-",
        "    first >> between >> last",
        "between = EmptyOperator(task_id='between')",
        "g.expand(x=[1, 2])",
    ),
    in_dag(*_GROUP, "g.expand(x=[1, 2])"),
    dag_id="case",
    task="g.t",
)
for _rule in ("one_success", "none_failed_min_one_success"):
    _below = f"    EmptyOperator(task_id='f') >> EmptyOperator(task_id='t', trigger_rule='{_rule}')"
    task_case(
        "DW324",
        _rule,
        [*_GROUP[:-1], _below + "  # <-", "g.expand(x=BashOperator(task_id='u', bash_command='').output)"],
        [*_GROUP[:-1], _below, "g.expand(x=[1, 2])"],
        task="g.t",
        field="trigger_rule",
    )
task_case(
    "DW308",
    "a pool of unknown size for mapped instances",
    ["BashOperator.partial(task_id='t', pool='p').expand(bash_command=['a', 'b'])  # <-"],
    ["BashOperator.partial(task_id='t').expand(bash_command=['a', 'b'])"],
    field="pool",
)
_SENSOR = "from airflow.providers.standard.sensors.python import PythonSensor"
task_case(
    "DW306",
    "reschedule",
    [_SENSOR, "PythonSensor(task_id='t', python_callable=bool, mode='reschedule')  # <-"],
    [_SENSOR, "PythonSensor(task_id='t', python_callable=bool, mode='poke')"],
    field="mode",
    options=_BATCH,
)
_TRIGGER = "from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator"
_PERSON = "from airflow.providers.standard.operators.hitl import HITLOperator"
task_case(
    "DW312",
    "a person",
    [_PERSON, "HITLOperator(task_id='t', subject='s', options=['a'])  # <-"],
    [_TRIGGER, "TriggerDagRunOperator(task_id='t', trigger_dag_id='other')"],
)
_TIMETABLES = "from airflow.timetables.trigger import CronTriggerTimetable as Moments\n"
case(
    "DW313",
    "interval",
    _TIMETABLES
    + "from dateutil.relativedelta import relativedelta as length\n"
    + "with DAG('case', schedule=Moments('@daily', timezone='UTC', interval=length(months=1))):  # <-\n    "
    + bash()
    + "\n",
    _TIMETABLES
    + "with DAG('case', schedule=Moments('@daily', timezone='UTC'), start_date=START):\n    "
    + bash()
    + "\n",
    dag_id="case",
    field="schedule",
)
_PARTITIONS = "from airflow.sdk import CronPartitionTimetable, CronTriggerTimetable\n"
_PARTITIONS += "with DAG('case', schedule={}('@daily', timezone='UTC'), start_date=START):{}\n    " + bash() + "\n"
case(
    "DW328",
    "partitions of a day",
    _PARTITIONS.format("CronPartitionTimetable", "  # <-"),
    _PARTITIONS.format("CronTriggerTimetable", ""),
    dag_id="case",
    field="schedule",
)
for _name in ("depends_on_past", "wait_for_downstream"):
    task_case(
        "DW307",
        _name,
        [bash(more=f", {_name}=True") + "  # <-"],
        [bash(more=f", {_name}=False")],
        field=_name,
        options=_BATCH,
    )
_POOL = {"AIRFLOW__DUCTWORK__POOLS": "p=2"}
task_case(
    "DW307",
    "more slots than the pool has",
    [bash(more=", pool='p', pool_slots=3") + "  # <-"],
    [bash(more=", pool_slots=3")],
    field="pool_slots",
    environment=_POOL,
)
task_case(
    "DW308",
    "a pool in a chain",
    [bash(more=", pool='p'") + "  # <-"],
    [bash()],
    field="pool",
    environment=_POOL,
    options=_BATCH,
)
task_case(
    "DW308",
    "max_active_tis_per_dag in a chain",
    [bash(more=", max_active_tis_per_dag=1") + "  # <-"],
    [bash(more=", max_active_tis_per_dag=None")],
    field="max_active_tis_per_dag",
    options=_BATCH,
)
case(
    "DW307",
    "fail_fast with a mapped task",
    in_dag("BashOperator.partial(task_id='t').expand(bash_command=['true'])  # <-", dag=", fail_fast=True"),
    in_dag(bash(), dag=", fail_fast=True"),
    dag_id="case",
    task="t",
    field="fail_fast",
)
for _name, _value, _harmless in (
    ("priority_weight", 5, 1),
    ("pool", "'small'", "'default_pool'"),
):
    task_case(
        "DW308",
        _name,
        [bash(more=f", {_name}={_value}") + "  # <-"],
        [bash(more=f", {_name}={_harmless}")],
        field=_name,
    )
for _name, _text, _harmless in (
    ("max_active_tasks", "1", "16"),
    ("max_consecutive_failed_dag_runs", "3", "0"),
    ("allowed_run_types", "['manual']", "None"),
):
    case(
        "DW308",
        f"{_name} of the DAG",
        in_dag(bash(), dag=f", {_name}={_text}").replace("):\n", "):  # <-\n", 1),
        in_dag(bash(), dag=f", {_name}={_harmless}"),
        dag_id="case",
        field=_name,
    )
for _name, _text in (
    ("max_active_runs", "2"),
    ("dagrun_timeout", "timedelta(hours=1)"),
    ("on_failure_callback", "print"),
    ("on_success_callback", "print"),
):
    case(
        "DW308",
        f"{_name} of the DAG",
        in_dag(bash(), dag=f", {_name}={_text}").replace("):\n", "):  # <-\n", 1),
        in_dag(bash()),
        dag_id="case",
        field=_name,
        options=_BATCH,
    )
task_case(
    "DW309",
    "ten retries",
    [bash(more=", retries=10, retry_delay=timedelta(0)") + "  # <-"],
    [bash(more=", retries=9, retry_delay=timedelta(0)")],
    field="retries",
    options=_BATCH,
)


def _mapped_group(size: int) -> str:
    """A mapped task group, which no cut takes apart, of tasks with long ids."""
    return in_dag(
        "from airflow.sdk import task_group",
        "@task_group",
        "def group(x):",
        f"    for n in range({size}):",
        "        BashOperator(task_id=f'{n}_' + 't' * 200, bash_command='true')",
        "group.expand(x=[1])",
    )


case(
    "DW311",
    "a mapped task group that is larger than a machine",
    _mapped_group(900).replace("):\n", "):  # <-\n", 1),
    _mapped_group(9),
    dag_id="case",
)


def _job(**arguments: object) -> str:
    given = {"task_id": "t", "job_name": "n", "job_queue": "q", "job_definition": "d", **arguments}
    return f"t = BatchOperator({', '.join(f'{key}={value!r}' for key, value in given.items())})"


for _field, _bad, _good in (
    ("jobName", {"job_name": "no spaces"}, {"job_name": "with_{{ ds }}"}),
    ("jobQueue", {"job_queue": "q!"}, {"job_queue": "q"}),
    ("jobDefinition", {"job_definition": "d:x"}, {"job_definition": "d:1"}),
    ("timeout", {"submit_job_timeout": 59}, {"submit_job_timeout": 60}),
    ("retryStrategy", {"retry_strategy": {"attempts": 11}}, {"retry_strategy": {"attempts": 10}}),
    ("arrayProperties", {"array_properties": {"size": 1}}, {"array_properties": {"size": 2}}),
    ("tags", {"tags": dict.fromkeys(map(str, range(51)), "x")}, {"tags": {"a": "b"}}),
    ("schedulingPriorityOverride", {"scheduling_priority_override": 10_000}, {"scheduling_priority_override": 0}),
    (
        "containerOverrides",
        {"container_overrides": {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}},
        {"container_overrides": {"environment": [{"name": "X", "value": "1"}]}},
    ),
    (
        "containerOverrides",
        {"container_overrides": {"resourceRequirements": [{"type": "CPU", "value": "1"}]}},
        {"container_overrides": {"resourceRequirements": [{"type": "VCPU", "value": "1"}]}},
    ),
    (
        "containerOverrides",
        {"container_overrides": {"command": ["x" * 8_192]}},
        {"container_overrides": {"command": ["x" * 8_000]}},
    ),
):
    task_case("DW401", f"{_field} {str(_bad)[:40]}", [_job(**_bad) + "  # <-"], [_job(**_good)], field=_field)

_SCHEDULE = {"target": "schedule"}
_PLAIN = {"job_name": "t"}
for _name, _more, _least in (
    ("array_properties", {"array_properties": {"size": 3}}, {}),
    ("retry_strategy", {"retry_strategy": {"attempts": 2}}, {}),
    ("retries", {"retries": 2}, {"retries": 0}),
    ("submit_job_timeout", {"submit_job_timeout": 60}, {"submit_job_timeout": None}),
    ("share_identifier", {"share_identifier": "s"}, {}),
    ("wait_for_completion", {"wait_for_completion": False}, {"wait_for_completion": True}),
    ("parameters", {"parameters": {"day": "{{ ds }}"}}, {"parameters": {"day": "ds"}}),
    ("container_overrides", {"container_overrides": {"command": ["{{ run_id }}"]}}, {"container_overrides": {}}),
    ("job_queue", {"job_queue": "q{{ ds }}"}, {"job_queue": "q"}),
):
    task_case(
        "DW320",
        _name,
        [_job(**_PLAIN, **_more) + "  # <-"],
        [_job(**_PLAIN, **_least)],
        field=_name,
        options=_SCHEDULE,
    )
for _name, _bad in (
    ("a worker", bash()),
    ("a job that only a worker can submit", _job(**_PLAIN, region_name="eu-west-1")),
):
    task_case("DW320", _name, [_bad + "  # <-"], [_job(**_PLAIN)], options=_SCHEDULE)
_MANY = "[BatchOperator(task_id=f'u{i}', job_name=f'u{i}', job_queue='q', job_definition='d') for i in range({})] >> t"
task_case(
    "DW320",
    "21 upstream tasks",
    [_job(**_PLAIN) + "  # <-", _MANY.replace("{}", "21")],
    [_job(**_PLAIN), _MANY.replace("{}", "20")],
    options=_SCHEDULE,
)
task_case(
    "DW320",
    "a trigger rule",
    [
        _job(task_id="u", job_name="u").replace("t =", "u =", 1),
        _job(**_PLAIN)[:-1] + ", trigger_rule='all_done')  # <-",
        "u >> t",
    ],
    [_job(task_id="u", job_name="u").replace("t =", "u =", 1), _job(**_PLAIN), "u >> t"],
    field="trigger_rule",
    options=_SCHEDULE,
)
task_case(
    "DW320",
    "a task that is retired on some date",
    [_job(**_PLAIN)[:-1] + ", end_date=datetime(2030, 1, 1))  # <-", _job(task_id="u", job_name="u")],
    [_job(**_PLAIN), _job(task_id="u", job_name="u")],
    field="end_date",
    options=_SCHEDULE,
)
case(
    "DW327",
    "a start date taken from the clock",
    "with DAG('case', schedule=None, start_date=datetime.now() - timedelta(days=1)):  # <-\n    " + bash() + "\n",
    in_dag(bash()),
    dag_id="case",
    field="start_date",
)
task_case(
    "DW326",
    "a task that is retired on some date",
    [bash(more=", end_date=datetime(2030, 1, 1)") + "  # <-", bash("u")],
    [bash(), bash("u")],
    field="end_date",
    options={"engine": "batch"},
)
task_case(
    "DW320",
    "a waiting task",
    [
        "from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor",
        "TimeDeltaSensor(task_id='t', delta=timedelta(hours=1))  # <-",
    ],
    [_job(**_PLAIN)],
    options=_SCHEDULE,
)
case(
    "DW320",
    "an id that is no job name",
    in_dag(_job(task_id="a.b", job_name="ab") + "  # <-"),
    in_dag(_job(task_id="ab", job_name="ab")),
    dag_id="case",
    task="a.b",
    field="task_id",
    options=_SCHEDULE,
)
_HEAD = "):  # <-\n"
case(
    "DW320",
    "no job",
    in_dag("EmptyOperator(task_id='t')").replace("):\n", _HEAD, 1),
    in_dag(_job(**_PLAIN)),
    dag_id="case",
    options=_SCHEDULE,
)
for _name, _more in (
    ("job_name", {"job_name": "other"}),
    ("tags", {**_PLAIN, "tags": {"a": "b"}}),
    ("scheduling_priority_override", {**_PLAIN, "scheduling_priority_override": 1}),
):
    task_case("DW321", _name, [_job(**_more) + "  # <-"], [_job(**_PLAIN)], field=_name, options=_SCHEDULE)
for _field, _bad, _good in (
    ("", in_dag(_job(**_PLAIN), "t >> EmptyOperator(task_id='e')"), in_dag(_job(**_PLAIN))),
    (
        "poll_interval",
        in_dag(_job(**_PLAIN), _job(task_id="s", job_name="s", poll_interval=60)),
        in_dag(_job(**_PLAIN, poll_interval=60), _job(task_id="s", job_name="s", poll_interval=60)),
    ),
    ("tags", in_dag(_job(**_PLAIN), dag=", tags=['a', 'b']"), in_dag(_job(**_PLAIN), dag=", tags=['a']")),
    (
        "",
        in_dag("with TaskGroup('g', prefix_group_id=False):", "    " + _job(**_PLAIN)),
        in_dag(_job(**_PLAIN)),
    ),
):
    _number = sum(each.code == "DW321" for each in CASES)
    case(
        "DW321",
        f"{_field or 'of the DAG'} {_number}",
        _bad.replace("):\n", _HEAD, 1),
        _good,
        dag_id="case",
        field=_field,
        options=_SCHEDULE,
    )
_STARTED = (
    ("DW330", "cron", "'0 4 * * *'", "batch"),
    ("DW330", "a preset", "'@daily', catchup=True", "batch"),
    ("DW330", "a timetable", "EventsTimetable([START])", "schedule"),
    ("DW332", "assets", "[Asset('s3://bucket/orders'), Asset('s3://bucket/users')]", "stepfunctions"),
    ("DW332", "seconds", "timedelta(seconds=90)", "stepfunctions"),
    ("DW332", "seconds of a cron", "'0 4 * * * 30'", "stepfunctions"),
    ("DW332", "no day of any year", "'0 0 30 2 *'", "stepfunctions"),
    ("DW332", "no day of a weekend", "'0 0 8W * SUN'", "stepfunctions"),
    ("DW332", "random fields", "'R 4 * * *'", "stepfunctions"),
    ("DW333", "catchup", "'0 4 * * *', catchup=True", "stepfunctions"),
    ("DW333", "once", "'@once'", "stepfunctions"),
)
for _code, _name, _schedule, _target in _STARTED:
    _sides = [
        "from airflow.sdk import Asset, EventsTimetable\n"
        + in_dag(_job(**_PLAIN)).replace("schedule=None", f"schedule={schedule}").replace("):\n", "):  # <-\n", 1)
        for schedule in (_schedule, "None")
    ]
    case(
        _code,
        _name,
        *_sides,
        dag_id="case",
        field="schedule",
        options={"target": _target, "unattended": True},
    )
