"""Conditions on tasks, short circuits above mapped tasks, ways to leave a task, and a task that wants to run later."""

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowRescheduleException


@task.short_circuit(ignore_downstream_trigger_rules=True)
def gate():
    return False


@task
def numbers():
    return [1, 2]


@task
def each(x):
    return x


with DAG("run_if_and_skip_if"):

    @task.run_if(lambda context: context["task_instance"].map_index != 1)
    @task
    def only(x):
        return x

    @task.skip_if(lambda context: context["params"].get("x") is None, "because")
    @task.bash
    def shell():
        return "echo hi"

    shell() >> EmptyOperator(task_id="after", trigger_rule="none_failed")

    @task(trigger_rule="none_failed")
    def total(values):
        return list(values)

    total(only.expand(x=[1, 2, 3]))

with DAG("short_circuit_far_above_mapped", default_args={"trigger_rule": "none_failed"}):
    gate() >> numbers() >> each.expand(x=[1, 2, 3]) >> numbers.override(task_id="last")()

with DAG("short_circuit_above_mapped", default_args={"trigger_rule": "none_failed"}):
    source = numbers()
    literal, returned = each.override(task_id="literal").expand(x=[1, 2, 3]), each.expand(x=source)
    gate() >> [literal, source, returned]
    literal >> EmptyOperator(task_id="last", trigger_rule="all_done")


def _raised(error):
    def leave():
        raise error

    return leave


def _endless():
    return _endless()


with DAG("ways_to_leave"):
    for name, leave in {
        "exit_0": lambda: sys.exit(0),
        "exit_1": lambda: sys.exit(1),
        "base": _raised(BaseException("b")),
        "generator": _raised(GeneratorExit()),
        "memory": _raised(MemoryError("m")),
        "iteration": _raised(StopIteration("s")),
        "recursion": _endless,
    }.items():
        PythonOperator(task_id=name, python_callable=leave)

with DAG("retries_below_zero", default_args={"retries": -1}):
    breaks = PythonOperator(task_id="breaks", python_callable=_raised(ValueError("on purpose")))
    breaks >> EmptyOperator(task_id="below", trigger_rule="all_done")

with DAG("later"):

    @task
    def again(ti):
        mark = Path(tempfile.gettempdir()) / "again"
        if not mark.exists():
            mark.touch()
            raise AirflowRescheduleException(datetime.now(timezone.utc) + timedelta(seconds=2))
        return ti.try_number

    again() >> EmptyOperator(task_id="next")
