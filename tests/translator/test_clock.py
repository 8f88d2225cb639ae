"""What a DAG file takes from the clock or from chance is found, wherever it comes from."""

from __future__ import annotations

import random
import sys
from datetime import datetime, timedelta

import pytest
from code_cases import bash, in_dag
from compiling import codes, compile_files, compile_text, document, write_dag
from ductwork.frontend.clock import distance

_JOB = "BatchOperator(task_id='t', job_name='n', job_queue='q', job_definition='d', parameters={{'x': str({})}})"

# Import statement, expression.
SOURCES = {
    "datetime.now": ("import datetime as dt", "dt.datetime.now(dt.timezone.utc)"),
    "datetime.utcnow": ("import datetime as dt", "dt.datetime.utcnow()"),
    "date.today": ("from datetime import date", "date.today()"),
    "the weekday": ("from datetime import date", "date.today().weekday() > 4"),
    "the half of the day": ("import datetime as dt", "dt.datetime.now().hour < 12"),
    "pendulum": ("import pendulum", "pendulum.today('Europe/Berlin').add(days=-1)"),
    "Airflow's": ("from airflow.sdk.timezone import utcnow", "utcnow()"),
    "time.time": ("import time", "int(time.time())"),
    "time.time_ns": ("from time import time_ns", "time_ns()"),
    "time.ctime": ("from time import ctime", "ctime()"),
    "time.asctime": ("import time", "time.asctime()"),
    "time.strftime": ("from time import localtime, strftime", "strftime('%F', localtime())"),
    "uuid4": ("import uuid", "uuid.uuid4()"),
    "uuid1": ("from uuid import uuid1", "uuid1()"),
    "urandom": ("from os import urandom", "urandom(8).hex()"),
    "secrets": ("import secrets", "secrets.token_hex()"),
    "a coin": ("import random", "random.choice('ab')"),
    "a generator of its own": ("from random import Random", "Random().random()"),
    "the system's generator": ("from random import SystemRandom", "SystemRandom().choice(range(99))"),
    "a coin with a seed of its own": ("import random, time", "random.Random(time.time()).random()"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name, tmp_path):
    statement, expression = SOURCES[name]
    compiled = compile_text(tmp_path, in_dag(statement, _JOB.format(expression)))
    (finding,) = compiled.diagnostics
    assert (finding.code, finding.task_id, finding.field) == ("DW115", "t", "parameters")
    # Nothing of the value is in what is compiled: a worker finds it.
    assert [type(task.work).__name__ for task in compiled.workflows[0].tasks] == ["Worker"]


@pytest.mark.parametrize("day", [datetime(2026, 11, 27), datetime(2026, 11, 29), datetime(2028, 2, 29)])
def test_each_part_of_the_moment_differs_at_every_minute(day):
    def parts(moment):
        return moment.year, moment.month, moment.weekday() > 4, moment.hour < 12, moment.minute

    for minute in range(24 * 60):
        now = day + timedelta(minutes=minute)
        later = now + distance(now)
        assert not [before for before, after in zip(parts(now), parts(later)) if before == after], now


@pytest.mark.parametrize("where", ["top", "default_args", "a function"])
def test_a_helper_of_the_bundle_is_loaded_again_too(where, tmp_path):
    (tmp_path / "my_days.py").write_text(
        "from datetime import date\nTODAY = date.today()\nARGS = {'parameters': {'x': str(TODAY)}}\n"
        "def today():\n    return date.today()\n"
    )
    told = {"top": _JOB.format("my_days.TODAY"), "a function": _JOB.format("my_days.today()")}
    lines = [
        "import my_days",
        told.get(where, "BatchOperator(task_id='t', job_name='n', job_queue='q', job_definition='d')"),
    ]
    more = ", default_args=__import__('my_days').ARGS" if where == "default_args" else ""
    body = in_dag(*lines, dag=more)
    try:
        compiled = compile_text(tmp_path, body)
        assert codes(compiled.diagnostics) == ["DW115"]
        # The module that the first load has made is back.
        assert sys.modules["my_days"].TODAY.year == datetime.now().year
    finally:
        sys.modules.pop("my_days", None)


def test_a_file_without_a_clock_is_loaded_once(tmp_path):
    counted = f"open({str(tmp_path / 'loads')!r}, 'a').write('x')"
    compile_text(tmp_path, in_dag(counted, bash(), "START - timedelta(days=1)"))
    assert (tmp_path / "loads").read_text() == "x"
    compile_text(tmp_path, in_dag(counted, "import random, time", "later = lambda: time.time()", bash()))
    assert (tmp_path / "loads").read_text() == "xx"
    compile_text(tmp_path, in_dag(counted, bash(), "datetime.now()"))
    assert (tmp_path / "loads").read_text() == "xxxx"


def test_a_helper_that_another_file_has_loaded_is_not_seen_to_read_the_clock(tmp_path):
    (tmp_path / "my_moment.py").write_text("import time\nNOW = str(time.time())\n")
    try:
        for name in ("one", "two"):
            path = write_dag(tmp_path, in_dag("import my_moment", _JOB.format("my_moment.NOW")), name=f"{name}.py")
            assert codes(compile_files(path).diagnostics) == ["DW115"]
    finally:
        sys.modules.pop("my_moment", None)


def test_a_package_that_nobody_knows_may_have_a_clock(tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "dag_maker.py").write_text(
        "from datetime import date\ndef day():\n    return date.today()\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    dags = tmp_path / "dags"
    dags.mkdir()
    compiled = compile_text(dags, in_dag("import dag_maker", _JOB.format("dag_maker.day()")))
    assert codes(compiled.diagnostics) == ["DW115"]


def test_what_airflow_parses_again_here_too_is_no_finding(tmp_path):
    """Workers, what only a user interface shows, and what runs Airflow's code anyway."""
    body = in_dag(
        "t = BashOperator(task_id='t', bash_command=f'echo {datetime.now()}', env={'x': str(datetime.now())},",
        "    doc_md=str(datetime.now()), params={'day': str(datetime.now())})",
        "e = EmptyOperator(task_id='e', doc=str(datetime.now()))",
        "@task",
        "def f(day): pass",
        "f(str(datetime.now()))",
        dag=", params={'x': str(datetime.now())}, doc_md=str(datetime.now())",
    )
    assert codes(compile_text(tmp_path, body).diagnostics) == []


@pytest.mark.parametrize(
    ("dag", "template"),
    [
        (", params={'day': str(datetime.now())}", "{{ params.day }}"),
        (", params={'day': str(datetime.now())}", "{{ params | length }}"),
        (", params={str(datetime.now()): 'x'}", "{{ params | tojson }}"),
        (", user_defined_macros={'day': str(datetime.now())}", "{{ day }}"),
    ],
)
def test_what_a_template_names_is_not_compiled_where_the_clock_gives_it(tmp_path, dag, template):
    """A param's default, or a name of the DAG's own: a worker renders the template, with what its parse has."""
    batch = "from airflow.providers.amazon.aws.operators.batch import BatchOperator\n"
    job = "BatchOperator(task_id='t', job_name='j', job_queue='q', job_definition='d', parameters={'day': %r})"
    compiled = compile_text(tmp_path, batch + in_dag(job % template, dag=dag))
    assert codes(compiled.diagnostics) == []
    assert compiled.workflows[0].tasks[0].work.has_worker


def test_the_container_that_has_no_worker(tmp_path):
    lines = (
        "from airflow.providers.docker.operators.docker import DockerOperator",
        "DockerOperator(task_id='t', image='r/i', command=f'load {datetime.now():%F}')",
    )
    made = compile_text(tmp_path, in_dag(*lines))
    assert codes(made.diagnostics) == ["DW115"]
    assert not made.workflows[0].tasks[0].work.submits.container.fixed
    refused = compile_text(tmp_path, in_dag(*lines), target="schedule")
    assert "DW320" in codes(refused.diagnostics)


def test_the_other_dags_of_the_file_are_compiled(tmp_path):
    compiled = compile_text(tmp_path, f"with DAG(f'at_{{datetime.now():%j}}'):\n    {bash()}\n" + in_dag(bash()))
    assert (codes(compiled.diagnostics), [made.dag_id for made in compiled.artefacts]) == (["DW116"], ["case"])


def test_a_dag_that_fails_under_any_clock_keeps_no_other_from_the_comparison(tmp_path):
    broken = "with DAG('broken', start_date=START):\n    a = BashOperator(task_id='a', bash_command='x')\n    a >> a\n"
    compiled = compile_text(tmp_path, broken + in_dag(_JOB.format("datetime.now()")))
    assert codes(compiled.diagnostics) == ["DW108", "DW115"]


def test_chance_gives_the_same_artefact_each_time(tmp_path):
    path = write_dag(
        tmp_path, in_dag("import random", bash(more=", retry_delay=timedelta(seconds=random.random()), retries=1"))
    )
    random.seed()
    state = random.getstate()
    first, second = (document(compile_files(path)) for _ in range(2))
    assert first == second
    assert random.getstate() == state
