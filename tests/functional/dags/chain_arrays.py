"""Array jobs in a job chain: instances that die, that are retried, and that a restart runs again."""

import os
import signal
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


def die():
    """As a lost host does: the supervisor dies with the task."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def echo(x):
    return x


with DAG("dying_instances"):

    @task(on_failure_callback=lambda context: print("called back for", context["ti"].map_index))
    def dies_at_one(x):
        if x == 1:
            die()
        return x

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def dies_once(x, ti=None):
        if ti.try_number == 1 and x == 2:
            die()
        return x

    @task_group
    def each(x):
        dead = dies_at_one(x)
        echo.override(task_id="strict")(dead)
        dead >> echo.override(task_id="alarm", trigger_rule="one_failed")(x)

    # Nothing below looks at failures, so Batch itself stops what is below a dead child.
    @task_group
    def plain(x):
        echo.override(task_id="below")(dies_at_one.override(task_id="dies")(x))

    each.expand(x=[0, 1, 2]) >> EmptyOperator(task_id="end", trigger_rule="all_done")
    plain.expand(x=[0, 1, 2])
    dies_once.expand(x=[1, 2])

with DAG("restarted_instances"):

    @task
    def flaky(x, dag_run=None):
        folder = Path(dag_run.conf["folder"])
        with (folder / f"ran-{x}").open("a") as file:
            file.write("x")
        if x == 2 and not (folder / "gate").exists():
            raise RuntimeError("not yet")
        return x

    @task
    def total(values):
        return sum(values)

    @task_group
    def each(x):
        return echo.override(task_id="after")(flaky.override(task_id="flaky")(x))

    total(each.expand(x=[1, 2, 3]))
    total.override(task_id="of_one")(flaky.expand(x=[2]))
