"""Who reads a container's XCom: a job hands none back, so every reader that the file shows must be seen."""

from __future__ import annotations

import pytest
from code_cases import in_dag
from compiling import codes, compile_text
from ductwork.ir import BatchJob

DOCKER = "from airflow.providers.docker.operators.docker import DockerOperator"
READERS = {
    "a template": ["BashOperator(task_id='r', bash_command='{{ ti.xcom_pull(\"t\") }}')"],
    "a mapped argument": ["@task", "def r(v): pass", "r.expand(v=t.output)"],
    "a mapped template": [
        "BashOperator.partial(task_id='r').expand(bash_command=['{{ ti.xcom_pull(\"t\") }}', 'true'])"
    ],
    "a mapped group": [
        "@task_group",
        "def g(v):",
        "    @task",
        "    def r(v): pass",
        "    r(v)",
        "g.expand(v=t.output)",
    ],
    "code": ["@task", "def r(ti=None): ti.xcom_pull(task_ids='t')", "r()"],
    "code that takes the id from its module": ["@task", "def r(ti=None): ti.xcom_pull(task_ids=ID)", "r()"],
    "code that calls code": ["def pull(ti): ti.xcom_pull(task_ids='t')", "@task", "def r(ti=None): pull(ti)", "r()"],
    "a method": [
        *("class Reader:", "    def read(self, ti): ti.xcom_pull(task_ids='t')"),
        "PythonOperator(task_id='r', python_callable=Reader().read)",
    ],
    "a part of a function": [
        *("import functools", "def read(more, ti): ti.xcom_pull(task_ids='t')"),
        "PythonOperator(task_id='r', python_callable=functools.partial(read, 1))",
    ],
    "an operator of the author's": [
        *("from airflow.sdk import BaseOperator", "class Reads(BaseOperator):"),
        *(
            "    def __init__(self, source, **more):",
            "        self.source = source",
            "        super().__init__(**more)",
        ),
        "    def execute(self, context): return context['ti'].xcom_pull(task_ids=self.source)",
        "Reads(task_id='r', source='t')",
    ],
    "what is called back": [
        "def tell(context): context['ti'].xcom_pull(task_ids='t')",
        "BashOperator(task_id='r', bash_command='true', on_success_callback=tell)",
    ],
    "code in a function": [
        *(
            "def make(upstream):",
            "    later = None",
            "    @task",
            "    def r(ti=None): ti.xcom_pull(task_ids=upstream)",
        ),
        *("    r()", "make('t')"),
    ],
}


@pytest.mark.parametrize("how", READERS)
def test_who_reads_what_a_container_prints_is_seen(how, tmp_path):
    lines = ["ID = 't'", "t = DockerOperator(task_id='t', image='i', command='x')", *READERS[how]]
    compiled = compile_text(tmp_path, in_dag("from airflow.sdk import task_group", DOCKER, *lines))
    assert codes(compiled.diagnostics) == []
    work = next(task.work for task in compiled.workflows[0].tasks if task.task_id == "t")
    assert (work.submits_container, "reads what the container prints" in work.why) == (True, True)


def test_an_operator_that_pulls_from_others_is_no_reader(tmp_path):
    lines = ["from airflow.sdk import BaseOperator", "class Reads(BaseOperator):"]
    lines += ["    def execute(self, context): return context['ti'].xcom_pull(task_ids='other')"]
    lines += ["DockerOperator(task_id='t', image='i', command='x') >> Reads(task_id='r')"]
    assert isinstance(compile_text(tmp_path, in_dag(DOCKER, *lines)).workflows[0].by_id["t"].work, BatchJob)


def test_code_that_pulls_nothing_may_name_the_task(tmp_path):
    lines = [
        "t = DockerOperator(task_id='t', image='i', command='x')",
        "@task",
        "def r(ti=None): print('t', ti.task_id)",
    ]
    assert isinstance(compile_text(tmp_path, in_dag(DOCKER, *lines, "r()")).workflows[0].by_id["t"].work, BatchJob)
