"""DAGs that run remotely. ``conf["folder"]`` is where they leave traces and look for switches."""

import time
from pathlib import Path

from airflow.sdk import DAG, Param, get_current_context, task


def trace(name):
    folder = Path(get_current_context()["dag_run"].conf["folder"])
    with open(folder / "trace", "a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    return folder


@task
def first():
    trace("first")


@task
def second():
    context = get_current_context()
    trace("second")
    return {"run_id": context["run_id"], "logical_date": context["logical_date"].isoformat()}


@task
def picky():
    if not (trace("picky") / "switch").exists():
        raise ValueError("there is no switch")


@task
def slow():
    folder = trace("slow")
    for _ in range(600):
        if (folder / "switch").exists():
            return
        time.sleep(0.1)


with DAG("good"):
    first() >> second()

with DAG("bad"):
    first() >> picky()

with DAG("long"):
    first() >> slow()

with DAG("strict", params={"level": Param("low", enum=["low", "high"])}):
    first()

with DAG("marked"):
    slow() >> second()
