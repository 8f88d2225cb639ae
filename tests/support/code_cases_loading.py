"""Cases of DW1xx (loading) and DW2xx (deployment values)."""

from __future__ import annotations

from code_cases import bash, case, in_dag, task_case
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
    in_dag(bash("a"), bash("b"), "a >> b >> a"),
    in_dag(bash("a"), bash("b"), "a >> b"),
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


def _config(**values: object) -> str:
    return bash(more=f", executor_config={{'ductwork': {values!r}}}")


_VALUES = (
    ("job_queue", "a queue", "queue_1"),
    ("job_queue", "arn:aws:sqs:eu-west-1:123456789012:queue", "arn:aws:batch:eu-west-1:123456789012:job-queue/q"),
    ("job_definition", "d:latest", "d:12"),
    ("image", "", "python:3.12"),
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
