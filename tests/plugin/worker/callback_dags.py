"""DAGs whose callbacks leave a line each of what they saw."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Connection, Param, Variable

NOTES = Path(__file__).parent / "notes"


def write(**what) -> None:
    with NOTES.open("a") as notes:
        notes.write(json.dumps(what) + "\n")


def mail(to, subject, html_content, **_) -> None:
    write(mail=to, subject=subject, text=html_content)


def note(name: str):
    def called(context) -> None:
        ti = context["ti"]
        write(name=name, task=ti.task_id, number=ti.try_number, run=context["run_id"], ds=context["ds"])

    return called


def look(context) -> None:
    """Whatever a callback may ask of Airflow."""
    ti = context["ti"]
    write(
        host=Connection.get("warehouse").host,
        colour=Variable.get("colour"),
        seed=ti.xcom_pull(task_ids="seeded"),
        conf=context["dag_run"].conf,
        name=context["params"]["name"],
        max_tries=ti.max_tries,
        state=context["dag_run"].state,
    )
    ti.xcom_push("left", "by the callback")


def raises(context) -> None:
    write(raising=context["ti"].task_id)
    raise RuntimeError("the callback broke")


def dies_once(context) -> None:
    first = not NOTES.with_name("died").exists()
    NOTES.with_name("died").touch()
    if first:
        os.kill(os.getpid(), signal.SIGKILL)
    note("at last")(context)


def of_run(name: str):
    def called(context) -> None:
        ti = context.get("ti")
        run = context["dag_run"] if ti else None
        write(
            name=name,
            reason=context["reason"],
            run=context["run_id"],
            dag=context["dag"].dag_id,
            task=ti and ti.task_id,
            state=run and run.state,
        )

    return called


def work(ti) -> None:
    write(ran=ti.task_id, number=ti.try_number)


with DAG(
    "callbacks",
    params={"name": Param("default", type="string")},
    on_success_callback=of_run("success"),
    on_failure_callback=[raises, of_run("failure")],
):
    noted = {"on_retry_callback": note("retry"), "on_failure_callback": note("failure")}
    PythonOperator(task_id="retried", python_callable=work, retries=1, email="ops@example.com", **noted)
    PythonOperator(task_id="plain", python_callable=work, retries=1)
    PythonOperator(
        task_id="lost", python_callable=work, email="ops@example.com", on_failure_callback=[raises, note("failure")]
    )
    PythonOperator(task_id="unmailed", python_callable=work, email="ops@example.com", email_on_failure=False, **noted)
    PythonOperator(task_id="looking", python_callable=work, on_failure_callback=look)
    PythonOperator(task_id="dying", python_callable=work, on_failure_callback=dies_once)

with DAG("silent"):
    EmptyOperator(task_id="e")
