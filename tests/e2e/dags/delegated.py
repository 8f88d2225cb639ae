"""One DAG per target with every outcome, delegated in the file, and one that can be mended from outside."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, get_current_context, task
from ductwork_airflow.delegate import delegate

# The tests leave a file here to mend the task `fragile`, and read how often tasks ran.
PLACE = Path(os.environ.get("AIRFLOW_HOME", "."))


@task
def value():
    return {"answer": 42, "list": [1, None, "x"]}


@task
def passes_on(got):
    print(f"the remote log of passes_on: {got['answer']}")
    return got["answer"]


@task(retries=1, retry_delay=timedelta(seconds=1))
def breaks():
    raise ValueError("broken on purpose")


@task
def skips():
    raise AirflowSkipException("nothing to do")


@task
def nothing():
    return None


@task
def counted(name, dag=None):
    with (PLACE / f"{dag.dag_id}.{name}.runs").open("a") as file:
        file.write("x")


@task
def fragile(dag=None):
    with (PLACE / f"{dag.dag_id}.fragile.runs").open("a") as file:
        file.write("x")
    if not (PLACE / f"{dag.dag_id}.mended").exists():
        raise RuntimeError("not mended yet")
    return "mended"


@task
def crashes():
    """The container dies without a word: the worker, which is the parent of this process, and then this. Once only."""
    context = get_current_context()
    mark = PLACE / f"{context['dag'].dag_id}.{context['ti'].task_id}.crashed"
    if not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def outcomes(target):
    with DAG(f"outcomes_{target}", tags=["e2e"]) as dag:
        with TaskGroup("good"):
            passes_on(value()) >> BashOperator(task_id="shell", bash_command="echo from the shell")
        breaks() >> nothing.override(task_id="below_broken")() >> EmptyOperator(task_id="last")
        skips() >> nothing.override(task_id="below_skipped")()
        BashOperator(task_id="killed", bash_command="kill -9 $$")
        crashes.override(task_id="crashes")()
        crashes.override(task_id="crashes_once", retries=1, retry_delay=timedelta(seconds=1))()
    return dag


def mendable(target):
    with DAG(f"mendable_{target}", tags=["e2e"]) as dag:
        first = counted.override(task_id="first")("first")
        first >> fragile() >> counted.override(task_id="last")("last")
    return dag


@task.branch
def picks():
    return "good"


@task(retries=2, retry_delay=timedelta(seconds=1))
def flaky(ti=None):
    if ti.try_number < 2:
        raise RuntimeError("not yet")


@task.sensor(mode="reschedule", poke_interval=1, timeout=60)
def seen(ti=None, dag=None):
    mark = PLACE / f"{dag.dag_id}.seen"
    if mark.exists():
        return True
    mark.touch()
    return False


def rules():
    """What only a state machine can do: branches, crossing edges, early rules, teardowns, a sensor without a container."""
    with DAG("rules_stepfunctions", tags=["e2e"], max_active_runs=1) as dag:
        good, bad = nothing.override(task_id="good")(), nothing.override(task_id="bad")()
        join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
        picks() >> [good, bad] >> join
        looked = seen()
        [flaky(), looked] >> nothing.override(task_id="crossing")()
        looked >> nothing.override(task_id="beside")()
        create = nothing.override(task_id="create")().as_setup()
        delete = nothing.override(task_id="delete")().as_teardown(setups=create)
        with delete:
            breaks.override(retries=0)()
        breaks.override(task_id="alarming", retries=0)() >> EmptyOperator(task_id="alarm", trigger_rule="one_failed")
    return dag


rules_dag = delegate(rules(), target="stepfunctions")

for target in ("stepfunctions", "batch"):
    for make in (outcomes, mendable):
        one = delegate(make(target), target=target)
        globals()[one.dag_id] = one
