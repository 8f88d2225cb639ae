"""Jobs whose arguments are templates of the run's params and conf: a machine renders them as Airflow would."""

from __future__ import annotations

from pathlib import Path

from ductwork_airflow.runs import lifecycle
from remote_runs import PACE, Remote


def body(log: Path) -> str:
    """Three jobs that leave a line each; the last fails until a file exists."""
    return f"""
from airflow.sdk import Param, task_group
known = dict(table=Param('events', type='string'), rows=Param(10, type='integer'))
first = job('first', 'echo {{{{ params.table }}}} {{{{ params.rows * 2 }}}} {{{{ dag_run.conf.ratio }}}} >> {log}',
            params=known)
@task_group
def each(x):
    job('inner', "echo {{% for name in dag_run.conf['names'] %}}{{{{ name }}}}+{{% endfor %}} >> {log}")
last = job('last', "echo {{{{ macros.ds_add(ds, 30) }}}} {{{{ dag_run.conf.get('day', 'none') }}}} >> {log}; test -e {log}.go")
first >> each.expand(x=[1, 2]) >> last
job('missing', "echo {{{{ dag_run.conf.nothing }}}}")
"""


def test_what_a_run_is_given_reaches_its_jobs(remote: Remote, tmp_path: Path) -> None:
    log = tmp_path / "log"
    artefact = remote.compile("rendered", body(log), "stepfunctions")
    conf = {"table": "it", "ratio": 1.0, "names": ["a", "b"], "large": 12345678901234567890}
    handle = remote.submit(artefact, "stepfunctions", remote.request("rendered", conf=conf))
    assert remote.watch(handle).state == "failed"
    lines = ["2026-03-31 none", "a+b+", "a+b+", "it 20 1.0"]
    assert sorted(log.read_text().splitlines()) == lines
    states = remote.states(handle)
    assert (states["first"][0], states["last"][0], states["missing"][0]) == ("success", "failed", "failed")
    # Restarted, a run has the conf that it began with.
    Path(f"{log}.go").touch()
    again = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.watch(again).state == "failed"
    assert sorted(log.read_text().splitlines()) == sorted([*lines, lines[0]])
    assert remote.states(again)["last"][0] == "success"
