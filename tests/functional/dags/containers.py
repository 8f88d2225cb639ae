"""Containers beside workers; their commands are ones that run anywhere."""

import os
import signal
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from airflow.exceptions import AirflowSkipException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, task, task_group

START = datetime(2026, 1, 1)


def docker(task_id, command, **arguments):
    return DockerOperator(task_id=task_id, image="registry.example/any:1", command=command, **arguments)


with DAG("chained", schedule=None, start_date=START):

    @task
    def skips():
        raise AirflowSkipException

    @task
    def works():
        pass

    @task
    def after():
        pass

    skips() >> docker("below", ["true"]) >> after()
    works() >> docker(
        "runs", "sh -c 'test $DAY = {{ ds }} && test -n \"$AIRFLOW_TMP_DIR\"'", environment={"DAY": "2026-03-04"}
    )


def tell(context):
    instance = context["task_instance"]
    Path(context["params"]["notes"]).write_text(f"{instance.task_id} {instance.try_number}")


with DAG("called_back", schedule=None, start_date=START, params={"notes": ""}):
    KubernetesPodOperator(
        task_id="breaks",
        image="registry.example/any:1",
        arguments=["sh", "-c", "test $(MODE) = full"],
        env_vars={"MODE": "partial"},
        retries=1,
        retry_delay=timedelta(0),
        on_failure_callback=tell,
    )

with DAG("handing_on", schedule=None, start_date=START):

    @task
    def reads(last, every):
        return {"last": last, "every": every}

    ours = {"ductwork": {"worker_image": True}}
    last = docker("last", ["sh", "-c", "echo one; echo two >&2"], executor_config=ours)
    every = docker("every", ["sh", "-c", "echo one; echo two"], xcom_all=True, executor_config=ours)
    fails = docker("fails", ["sh", "-c", "echo one; exit 3"], executor_config=ours)
    reads(last.output, every.output)

with DAG("grouped", schedule=None, start_date=START):

    @task_group
    def each(name):
        return docker("says", ["sh", "-c", "echo a $$"], executor_config=ours).output

    @task
    def counts(said):
        return len({*said})

    counts(each.expand(name=["a", "b"]))

with DAG("by_worker", schedule=None, start_date=START, params={"limit": 10}):

    @task
    def takes(value):
        return value

    def pod(task_id, command, **arguments):
        shell = {"cmds": ["sh", "-c"], "arguments": [command]}
        return KubernetesPodOperator(task_id=task_id, image="registry.example/any:1", **shell, **arguments)

    writes = pod("writes", "echo '{\"a\": [1, {{ params.limit }}]}' > /airflow/xcom/return.json", do_xcom_push=True)
    writes_and_fails = pod("writes_and_fails", "echo '[7]' > /airflow/xcom/return.json; exit 3", do_xcom_push=True)
    takes(writes.output) >> writes_and_fails
    pod("skips", "exit {{ params.limit }}", skip_on_exit_code=[10])
    docker("too_long", "sleep {{ params.limit * 10 }}", execution_timeout=timedelta(seconds=8))


def kill_worker(context):
    """In the first try kill the worker once the container runs, in the second let the container end."""
    notes = Path(context["params"]["notes"])

    def kill():
        while not notes.exists():
            time.sleep(0.1)
        time.sleep(1)  # by now the worker has written down which job it is
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    if context["ti"].try_number == 1:
        threading.Thread(target=kill, daemon=True).start()
    else:
        notes.with_suffix(".end").touch()


with DAG("died", schedule=None, start_date=START, params={"notes": ""}):
    docker(
        "lasts",
        [
            "sh",
            "-c",
            "echo x >> {{ params.notes }}; while ! test -e {{ params.notes }}.end; do sleep 0.1; done; echo y",
        ],
        retries=1,
        retry_delay=timedelta(0),
        on_execute_callback=kill_worker,
    )

with DAG("unknown", schedule=None, start_date=START):
    DockerOperator(task_id="own_command", image="registry.example/any:1")
