"""The tasks that the worker's tests run, each for one way to end."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import structlog
from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import (
    DAG,
    Asset,
    BaseOperator,
    BaseSensorOperator,
    Connection,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    Variable,
    task,
)

sys.path.insert(0, str(Path(__file__).parent))

from example_triggers import EndingTrigger, FailingTrigger, PatientTrigger

NOTES = Path(__file__).parent / "notes"


def note(name: str):
    """A callback that leaves a trace."""

    def write(context) -> None:
        with NOTES.open("a") as notes:
            notes.write(f"{context['ti'].task_id} {name} {context['ti'].try_number}\n")

    return write


class Deferring(BaseOperator):
    def __init__(self, trigger, limit: timedelta | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger
        self.limit = limit

    def execute(self, context):
        wait = timedelta(seconds=0.2)
        self.defer(trigger=self.trigger, method_name="resume", kwargs={"wait": wait}, timeout=self.limit)

    def resume(self, context, wait: timedelta, event):
        return {"wait": wait.total_seconds(), "event": event, "try": context["ti"].try_number}


class Stubborn(BaseOperator):
    """Ends when it is killed, and notes it."""

    def execute(self, context):
        self.stopped = False
        note("started")(context)
        while not self.stopped:
            time.sleep(0.05)
        raise RuntimeError("on_kill has run")

    def on_kill(self):
        with NOTES.open("a") as notes:
            notes.write("on_kill\n")
        self.stopped = True


class ThirdTime(BaseSensorOperator):
    def poke(self, context) -> bool:
        note("poked")(context)
        return NOTES.read_text().count(f"{self.task_id} poked") == 3


class Never(BaseSensorOperator):
    def poke(self, context):
        return False


def greet(**context):
    return {"host": Connection.get("warehouse").host, "colour": Variable.get("colour"), "ds": context["ds"]}


with DAG("worker_example", params={"name": "default"}):
    BashOperator(task_id="bash", bash_command="echo {{ run_id }} {{ dag_run.conf['n'] }} {{ params.name }}")
    PythonOperator(task_id="python", python_callable=greet)
    BaseOperator(task_id="never_defined_execute")
    Deferring(task_id="deferred", trigger=PatientTrigger(timedelta(seconds=0.2)))
    Deferring(task_id="trigger_timeout", trigger=PatientTrigger(timedelta(minutes=5)), limit=timedelta(seconds=0.5))
    Deferring(task_id="trigger_failure", trigger=FailingTrigger())
    Deferring(task_id="trigger_ends", trigger=EndingTrigger())
    Deferring(task_id="patient", trigger=PatientTrigger(timedelta(minutes=5)))
    Stubborn(task_id="stubborn", on_failure_callback=note("failure"))
    Stubborn(task_id="overtaken")
    Never(task_id="rescheduled", mode="reschedule", poke_interval=120)
    ThirdTime(task_id="third_time", mode="reschedule", poke_interval=1)
    Never(task_id="rescheduled_briefly", mode="reschedule", poke_interval=1, timeout=2, soft_fail=True)

    @task
    def taskflow(*, ti):
        ti.xcom_push("extra", [1, 2])
        return ti.xcom_pull(task_ids="seeded") + 1

    @task(on_execute_callback=note("execute"), on_success_callback=note("success"))
    def callbacks(): ...

    @task
    def skipped():
        raise AirflowSkipException("nothing to do")

    @task(retries=2, on_failure_callback=note("failure"))
    def failed_for_good():
        raise AirflowFailException("no use")

    @task(retries=1, on_retry_callback=note("retry"), on_failure_callback=note("failure"))
    def retried():
        structlog.get_logger("task").error({"no": "text"})
        raise ValueError("it broke")

    policy = ExceptionRetryPolicy(
        rules=[RetryRule(exception=KeyError, action=RetryAction.RETRY, retry_delay=timedelta(seconds=90))]
    )

    @task(retries=2, retry_delay=timedelta(seconds=7), retry_policy=policy)
    def has_policy(ti):
        raise KeyError("x") if ti.try_number == 1 else ValueError("no rule of the policy's")

    @task(retries=1, retry_delay=timedelta(seconds=7), retry_exponential_backoff=3)
    def backs_off():
        os.kill(os.getpid(), signal.SIGKILL)

    @task(retries=1)
    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def vanished():
        os._exit(0)

    @task
    def unserialisable():
        return object()

    @task
    def too_large():
        return "x" * 450_000

    @task.branch
    def branch():
        return "left"

    @task
    def sets_variable():
        Variable.set("made", "plain text")
        return Variable.get("made")

    @task
    def leaks():
        raise RuntimeError(f"cannot log in with {Connection.get('warehouse').password}")

    @task(outlets=[Asset(name="orders", uri="s3://bucket/orders")])
    def produces(*, outlet_events):
        outlet_events[Asset(name="orders", uri="s3://bucket/orders")].extra = {"rows": 3}

    @task
    def sleeps():
        with NOTES.open("a") as notes:
            notes.write("asleep\n")
        time.sleep(3600)

    @task
    def counts(*, ti):
        with NOTES.open("a") as notes:
            notes.write("counted\n")

    @task
    def mapped(x):
        return x * x

    taskflow(), callbacks(), skipped(), failed_for_good(), retried(), killed(), vanished(), unserialisable()
    (
        has_policy(),
        backs_off(),
        backs_off.override(task_id="dies_at_last")(),
        too_large(),
        sets_variable(),
        leaks(),
        produces(),
        sleeps(),
        counts(),
        mapped.expand(x=[1, 2, 3]),
    )
    branch() >> [callbacks.override(task_id="left")(), skipped.override(task_id="right")()]
