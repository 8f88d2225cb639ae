"""Containers with templates and XComs: what the process in them gets, and what becomes of what it prints.

Airflow has no Docker daemon and no cluster here. So under Airflow the same operators, rendered by Airflow, run their
containers' commands as processes, as Docker and Kubernetes would.
"""

import json
import os
import shlex
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from airflow.exceptions import AirflowException, AirflowSkipException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, task


def run(words, variables):
    """Exit code and lines of a process with nothing but these variables."""
    environment = {"PATH": os.environ["PATH"], "TMPDIR": tempfile.gettempdir(), **variables}
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, [line.rstrip() for line in done.stdout.decode().splitlines()]


class Docker(DockerOperator):
    def execute(self, context):
        command = self.format_command(self.command)
        words = shlex.split(command) if isinstance(command, str) else command
        file = self.unpack_environment_variables(self.env_file) if self.env_file else {}
        code, lines = run(words, {**file, **self.environment})
        if code in self.skip_on_exit_code:
            raise AirflowSkipException
        if code:
            raise AirflowException(f"exit code {code}")
        return (lines if self.xcom_all else lines[-1]) if lines else None


class Pod(KubernetesPodOperator):
    def execute(self, context):
        code, _ = run([*self.cmds, *self.arguments], {each.name: each.value for each in self.env_vars})
        if code:
            raise AirflowException(f"exit code {code}")


if "DUCTWORK_COMPILING" in os.environ or "DUCTWORK_DAG_ID" in os.environ:
    Docker, Pod = DockerOperator, KubernetesPodOperator

# Prints what it has been given, as one line of JSON.
TELL = (
    "import json, os, sys; names = sorted(n for n in os.environ if n.startswith('T_')); "
    "print(json.dumps([sys.argv[1:], [[n, os.environ[n]] for n in names]]))"
)
WRITE = TELL.replace("print(", "open(os.environ['TMPDIR'] + '/pod.json', 'w').write(")
VALUES = {
    "T_DATE": "{{ ds }} {{ ts_nodash }} {{ data_interval_end.add(days=2) | ds }}",
    "T_PARAM": "{{ params.limit * 2 }} {{ params['name'] | upper }} {{ params.words | join('+') }}",
    "T_CONF": "{{ dag_run.conf.get('missing', 'none') }}",
    "T_TASK": "{{ task.task_id }} {{ ti.try_number }} {{ dag.dag_id }}",
    "T_MACRO": "{{ macros.ds_add(ds, -3) }} {% if params.limit > 3 %}many{% else %}few{% endif %}",
    "T_NONE": "{{ ti.xcom_pull('nobody') }}",
    "T_QUOTES": "{{ 'it\\'s \"so\"' }}",
}
PARAMS = {"limit": 10, "name": "é b", "words": ["a", "b c"]}
START = datetime(2026, 1, 1)


@task(multiple_outputs=True)
def before():
    return {"month": "2026 01", "all": [1, 2.5, None, True]}


@task
def after(value):
    return value


with DAG("rendered_docker", schedule=None, start_date=START, params=PARAMS):
    made = before()
    listed = Docker(
        task_id="listed",
        image="r/i:1",
        command=["python3", "-c", TELL, "{{ ti.xcom_pull('before')['all'] }}", made["month"], "{{ params.name }}"],
        environment={**VALUES, "T_XCOM": made["month"]},
    )
    line = Docker(
        task_id="line",
        image="{{ 'r/i:' ~ params.limit }}",
        command=f"python3 -c {shlex.quote(TELL)} --month '{{{{ ti.xcom_pull(\"before\").month }}}}' {{{{ params.name }}}}",
        env_file="T_A=1\nT_B='{{ params.name }}'",
    )
    every = Docker(task_id="every", image="r/i:1", command="sh -c 'echo {{ ds }}; echo two'", xcom_all=True)
    skips = Docker(task_id="skips", image="r/i:1", command="sh -c 'exit {{ params.limit }}'", skip_on_exit_code=[10])
    fails = Docker(
        task_id="fails",
        image="r/i:1",
        command="sh -c 'echo before; exit {{ params.limit }}'",
        retries=1,
        retry_delay=timedelta(0),
    )
    mapped = Docker.partial(task_id="mapped", image="r/i:1", environment=VALUES).expand(
        command=[["python3", "-c", TELL, "{{ ti.map_index }}"], ["sh", "-c", "echo {{ params.limit }}"]]
    )
    made >> [line, mapped]
    after.override(task_id="after_listed")(listed.output)
    after.override(task_id="after_every")(every.output)
    after.override(task_id="after_skips")(skips.output)


@task
def read():
    return json.loads(Path(tempfile.gettempdir(), "pod.json").read_text())


with DAG("rendered_pods", schedule=None, start_date=START, params=PARAMS):
    made = before()
    writes = Pod(
        task_id="writes",
        image="r/i:1",
        cmds=["python3", "-c", WRITE],
        arguments=["{{ ti.xcom_pull('before').month }}", made["month"], "{{ params.words[1] }}"],
        env_vars={**VALUES, "T_XCOM": made["month"]},
    )
    fails = Pod(task_id="fails", image="r/i:1", cmds=["sh", "-c"], arguments=["exit {{ params.limit }}"])
    writes >> read()
    writes >> fails
