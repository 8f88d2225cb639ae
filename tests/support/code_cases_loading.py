"""Cases of DW1xx (loading) and DW2xx (deployment values)."""

from __future__ import annotations

from datetime import datetime

from code_cases import bash, case, in_dag, packaged, task_case
from compiling import HEADER

_GOOD = in_dag(bash())

case("DW101", "no such file", {}, _GOOD, paths=("case.py",))
case("DW101", "not text", {"case.py": b"\xff\xfe\x00binary"}, _GOOD)
case("DW102", "syntax", "x = 1,,  # <-\ny = 2\n", _GOOD)
case("DW102", "indentation", "def f():\nreturn 1  # <-\n", _GOOD)
case("DW103", "missing package", "import surely_not_installed_anywhere  # <-\n" + _GOOD, _GOOD)
case("DW103", "exception at the top level", "1 / 0  # <-\n" + _GOOD, _GOOD)
case(
    "DW103",
    "exception in a function",
    "def f():\n    raise KeyError('x')  # <-\nf()\n" + _GOOD,
    "def f(): pass\nf()\n" + _GOOD,
)
case(
    "DW104",
    "module",
    "from airflow.operators.bash_operator import BashOperator  # <-\n" + _GOOD,
    "from airflow.providers.standard.operators.bash import BashOperator\n" + _GOOD,
)
case("DW104", "argument", "DAG('case', schedule_interval='@daily')  # <-\n", "case = DAG('case', schedule='@daily')\n")
case("DW105", "no DAG", "x = 1\n", _GOOD)
case(
    "DW105",
    "decorated function never called",
    "@dag(schedule=None, start_date=START)\ndef case():\n    pass\n",
    "@dag(schedule=None, start_date=START)\ndef case():\n    pass\ncase()\n",
)
_TWO = {"a.py": HEADER + _GOOD}
case(
    "DW106",
    "two files",
    {**_TWO, "b.py": HEADER + _GOOD.replace("START):", "START):  # <-")},
    {**_TWO, "b.py": HEADER + _GOOD.replace("'case'", "'other'")},
    paths=("a.py", "b.py"),
    dag_id="case",
)
case(
    "DW107",
    "a typing error",
    _GOOD,
    _GOOD,
    options={"dag_id": "cas"},
    good_options={"dag_id": "case"},
    field="--dag-id",
)
case(
    "DW108",
    "a cycle",
    in_dag(bash("a"), bash("b"), "a >> b >> a").replace("START):", "START):  # <-"),
    in_dag(bash("a"), bash("b"), "a >> b"),
    dag_id="case",
)
case(
    "DW109",
    "an empty folder",
    {"folder/readme.txt": "airflow dag"},
    {"folder/case.py": HEADER + _GOOD},
    paths=("folder",),
)
case(
    "DW109", "a folder of other code", {"folder/x.py": "x = 1\n"}, {"folder/case.py": HEADER + _GOOD}, paths=("folder",)
)

case(
    "DW110",
    "the environment",
    "import os\nqueue = os.environ.get('TABLES', 'orders')  # <-\n" + in_dag(bash()),
    "import os\n@task\ndef reads():\n    return os.environ.get('TABLES')\n" + in_dag("reads()"),
)
case(
    "DW110",
    "a Variable, in a helper",
    {
        "case.py": HEADER + "from helper_of_dw110 import tables\n" + in_dag(bash()),
        "helper_of_dw110.py": "from airflow.sdk import Variable\ntables = Variable.get('tables', default='')  # <-\n",
    },
    in_dag("BashOperator(task_id='t', bash_command='{{ var.value.tables }}')"),
)

case(
    "DW112",
    "a method that every reader calls",
    "class Mine(BashOperator):\n    def get_closest_mapped_task_group(self):\n        raise LookupError('not here')\n"
    + in_dag("Mine(task_id='t', bash_command='true')  # <-"),
    "class Mine(BashOperator):\n    @property\n    def host(self):\n        raise LookupError('not here')\n"
    + in_dag("Mine(task_id='t', bash_command='true')"),
    dag_id="case",
    task="t",
)
case(
    "DW113",
    "an archive in a folder",
    {"dags/case.zip": packaged(HEADER + _GOOD), "dags/readme.txt": "x"},
    {"dags/case.zip": packaged("x = 1"), "dags/case.py": HEADER + _GOOD},
    paths=("dags",),
    where="dags/case.zip",
)


# ---- the clock and chance ----
_JOB = "BatchOperator(task_id='t', job_queue='q', job_definition='d', "
_SENSOR = "from airflow.providers.standard.sensors.date_time import DateTimeSensor"
_UUID = "from uuid import uuid4"
for _name, _imports, _bad, _good, _field in (
    ("today", "", "job_name=f'{datetime.now():%Y-%m-%d}')", "job_name='{{ ds }}')", "job_name"),
    ("a token", _UUID, "job_name='n', tags={'x': uuid4().hex})", "job_name='n', tags={'x': '{{ run_id }}'})", "tags"),
    (
        "chance",
        "from random import choice",
        "job_name='n', parameters={'x': choice('ab')})",
        "job_name='n', parameters={'x': min('ab')})",
        "parameters",
    ),
):
    _first = [_imports or "pass"]
    task_case("DW115", _name, [*_first, _JOB + _bad + "  # <-"], [*_first, _JOB + _good], field=_field)
task_case(
    "DW115",
    "a moment",
    ["from pendulum import now", _SENSOR, "DateTimeSensor(task_id='t', target_time=now().add(hours=1))  # <-"],
    ["from pendulum import now", _SENSOR, "DateTimeSensor(task_id='t', target_time=START + timedelta(hours=1))"],
    field="target_time",
)
task_case(
    "DW115",
    "instances",
    [
        "BatchOperator.partial(task_id='t', job_queue='q', job_definition='d').expand(job_name=['a', f'{datetime.now():%Y}'])  # <-"
    ],
    ["BatchOperator.partial(task_id='t', job_queue='q', job_definition='d').expand(job_name=['a', f'{START:%Y}'])"],
    field="job_name",
)
_YEAR = "datetime.now().year"
case(
    "DW116",
    "id of a DAG",
    f"with DAG(f'on_{{{_YEAR}}}'):  # <-\n    {bash()}\n",
    f"with DAG('on', doc_md=str(datetime.now())):\n    {bash()}\n",
    dag_id=f"on_{datetime.now().year}",
)
for _name, _bad, _good, _about in (
    (
        "ids of tasks",
        [f"for day in range({_YEAR}, {_YEAR} + 3):", "    BashOperator(task_id=f'd_{day}', bash_command='true')  # <-"],
        ["for day in range(3):", "    BashOperator(task_id=f'd_{day}', bash_command='true')"],
        {"task": f"d_{datetime.now().year}"},
    ),
    (
        "an edge",
        [bash("a"), bash("b") + "  # <-", f"if {_YEAR} < {datetime.now().year + 1}: a >> b"],
        [bash("a"), bash("b"), f"if {_YEAR}: a >> b"],
        {"task": "b"},
    ),
    (
        "what runs",
        [f"({bash()[4:]} if {_YEAR} < {datetime.now().year + 1} else EmptyOperator(task_id='t'))  # <-"],
        [f"({bash()[4:]} if {_YEAR} else EmptyOperator(task_id='t'))"],
        {},
    ),
    (
        "how much it is expanded over",
        ["t = BashOperator.partial(task_id='t').expand(bash_command=['true'] * datetime.now().year)  # <-"],
        ["t = BashOperator.partial(task_id='t').expand(bash_command=['true'] * min(datetime.now().year, 2))"],
        {},
    ),
):
    task_case("DW116", _name, _bad, _good, **_about)
_GROUP = in_dag(f"with TaskGroup(f'g_{{{_YEAR}}}', prefix_group_id=False):", f"    {bash()}")
case(
    "DW116",
    "id of a task group",
    _GROUP.replace("START):", "START):  # <-"),
    _GROUP.replace(_YEAR, "START.year"),
    dag_id="case",
)
for _name, _bad, _good, _field in (
    (
        "a delay",
        "retry_delay=timedelta(seconds=random.randint(0, 9))",
        "retry_delay=timedelta(seconds=9)",
        "retry_delay",
    ),
    (
        "where it runs",
        "executor_config={'ductwork': {'environment': {'DAY': f'{datetime.now():%j}'}}}",
        "executor_config={'ductwork': {'environment': {'DAY': '1'}}}",
        "executor_config",
    ),
):
    _args = "import random"
    task_case(
        "DW117", _name, [_args, bash(more=f", {_bad}") + "  # <-"], [_args, bash(more=f", {_good}")], field=_field
    )
case(
    "DW117",
    "another day, it does not load",
    f"assert {_YEAR} == {datetime.now().year}\n" + _GOOD,
    f"assert {_YEAR} > 0\n" + _GOOD,
)


def _config(**values: object) -> str:
    return bash(more=f", executor_config={{'ductwork': {values!r}}}")


_VALUES = (
    ("job_queue", "a queue", "queue_1"),
    ("job_queue", "arn:aws:sqs:eu-west-1:123456789012:queue", "arn:aws:batch:eu-west-1:123456789012:job-queue/q"),
    ("job_definition", "d:latest", "d:12"),
    ("container_image", "", "python:3.12"),
    ("ledger_table", "ab", "abc"),
    ("vcpus", "1.5", 0.25),
    ("memory", 3, "2048"),
    ("memory", "2GB", 2048),
    ("gpus", 0, 1),
    ("timeout", 59, 60),
    ("share_identifier", "a-b", "ab"),
    ("scheduling_priority", 10_000, 9_999),
    ("propagate_tags", "maybe", True),
    ("environment", "A=1", {"A": "1"}),
    ("environment", {"DUCTWORK_X": "1"}, {"DUCT": "1"}),
    ("tags", dict.fromkeys(map(str, range(51)), "x"), {"a": "b"}),
)
for _name, _bad, _good in _VALUES:
    task_case(
        "DW201",
        f"{_name} {str(_bad)[:30]!r}",
        [_config(**{_name: _bad}) + "  # <-"],
        [_config(**{_name: _good})],
        field=_name,
    )
task_case(
    "DW201",
    "not a dictionary",
    [bash(more=", executor_config={'ductwork': 'large'}") + "  # <-"],
    [bash(more=", executor_config={'ductwork': {}}")],
    field="executor_config",
)
task_case(
    "DW201",
    "in the spelling of AwsBatchExecutor",
    [bash(more=", executor_config={'timeout': {'attemptDurationSeconds': 10}}") + "  # <-"],
    [bash(more=", executor_config={'timeout': {'attemptDurationSeconds': 100}}")],
    field="timeout",
)
case(
    "DW201",
    "on the command line",
    {"command line": "", "case.py": HEADER + _GOOD},
    _GOOD,
    options={"memory": "lots"},
    good_options={"memory": "4096"},
    field="memory",
)
case(
    "DW201",
    "two answers to what a worker runs",
    {"command line": "", "case.py": HEADER + _GOOD},
    _GOOD,
    options={"image": "i", "job_definition": "d", "job_role": "arn:aws:iam::123456789012:role/r"},
    good_options={"job_definition": "d"},
    field="image",
)
case(
    "DW201",
    "in Airflow's configuration",
    {"airflow.cfg [ductwork]": "", "case.py": HEADER + _GOOD},
    _GOOD,
    environment={"AIRFLOW__DUCTWORK__JOB_QUEUE": "not a queue"},
    field="job_queue",
)
case(
    "DW202",
    "in Airflow's configuration",
    {"airflow.cfg [ductwork]": "", "case.py": HEADER + _GOOD},
    _GOOD,
    environment={"AIRFLOW__DUCTWORK__JOB_QEUE": "queue"},
    field="job_qeue",
)
task_case("DW202", "a typing error", [_config(mem=1) + "  # <-"], [_config(memory=1024)], field="mem")
task_case(
    "DW202",
    "beside ductwork",
    [bash(more=", executor_config={'jobQeue': 'q'}") + "  # <-"],
    [bash(more=", executor_config={'jobQueue': 'q', 'KubernetesExecutor': {}}")],
    field="jobQeue",
)
task_case(
    "DW202",
    "a container override that a worker cannot take",
    [bash(more=", executor_config={'containerOverrides': {'command': ['x']}}") + "  # <-"],
    [bash(more=", executor_config={'containerOverrides': {'memory': 512}}")],
    field="containerOverrides.command",
)
task_case(
    "DW203",
    "an environment too large",
    [_config(environment={"A": "x" * 8_000}) + "  # <-"],
    [_config(environment={"A": "x" * 5_000})],
    field="containerOverrides",
)
