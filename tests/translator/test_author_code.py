"""Code of DAG authors that runs while their DAGs are compiled: it never stops the other DAGs of a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cli_process import ductwork
from compiling import compile_files, compile_text, write_dag
from ductwork.diagnostics import Diagnostics
from ductwork.frontend.manual_run import ManualRuns

NASTY = Path(__file__).with_name("nasty")
DAGS = {
    *("arguments", "more", "good", "beside", "plain"),
    *("events", "calendar", "holidays"),
}
SUPPORT = str(Path(__file__).parents[1] / "support")


def fresh_python(script):
    """Airflow reads its local settings when it is imported."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def folder():
    return compile_files(NASTY, unattended=True)


def found(compiled, dag_id):
    return [finding for finding in compiled.diagnostics if finding.dag_id == dag_id]


def test_what_compiles_does(folder):
    assert {artefact.dag_id for artefact in folder.artefacts} == DAGS
    stopped = {finding.dag_id for finding in folder.diagnostics if finding.severity == "error"}
    assert stopped == {"", "raising", "described"}


@pytest.mark.parametrize("target", ["batch", "schedule"])
def test_no_target_is_stopped(target):
    compiled = compile_files(NASTY, target=target)
    assert {artefact.dag_id for artefact in compiled.artefacts} >= ({"good"} if target == "batch" else set())
    assert "DW331" not in {finding.code for finding in compiled.diagnostics}


def test_what_raises_is_shown_with_the_author_s_line(folder):
    (raising,) = found(folder, "raising")
    assert (raising.code, raising.task_id, raising.origin.line) == ("DW112", "leaves", 21)
    assert "SystemExit: 7" in raising.what
    assert f"{NASTY / 'raising.py'}:15 in get_closest_mapped_task_group: sys.exit(7)" in raising.what
    (described,) = found(folder, "described")
    assert described.code == "DW108"
    assert f"{NASTY / 'subclass.py'}:9 in tasks" in described.what
    (file,) = found(folder, "")
    assert (file.code, Path(file.origin.file).name) == ("DW112", "module_value.py")
    assert "RuntimeError: no application context" in file.what


@pytest.mark.parametrize(("dag_id", "tasks", "findings"), [("arguments", 14, ["config"]), ("more", 6, [])])
def test_properties_are_not_run(dag_id, tasks, findings, folder):
    (dag,) = (workflow for workflow in folder.workflows if workflow.dag_id == dag_id)
    assert len(dag.tasks) == tasks
    # An executor's own configuration is told (DW205), and nothing else.
    assert [(each.code, each.task_id) for each in found(folder, dag_id)] == [("DW205", name) for name in findings]


def test_timetables_are_asked_as_airflow_asks(folder):
    """With a moment of pendulum's; one that cannot tell says why, and where."""
    codes = {dag: [finding.code for finding in found(folder, dag)] for dag in ("events", "calendar", "holidays")}
    assert codes == {"events": [], "calendar": ["DW313", "DW332"], "holidays": ["DW332"]}
    compiled = compile_files(NASTY, target="batch", unattended=True)
    (holidays,) = (each for each in found(compiled, "holidays") if each.code == "DW330")
    assert "timetable Holidays" in holidays.what
    assert "FileNotFoundError" in holidays.what
    assert f"{NASTY / 'timetables.py'}:23" in holidays.what


def test_a_run_says_why_its_timetable_has_no_interval():
    done = ductwork("run", NASTY / "timetables.py", "--dag-id", "holidays", "--local")
    assert done.code == 1
    assert "DW112 [holidays" in done.err
    assert "FileNotFoundError" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("restrict", "interval"), [("True", "2026-03-01T00:00:00+00:00"), ("False", "2026-03-05T00:00:00+00:00")]
)
def test_an_interval_of_events_is_a_moment(restrict, interval, tmp_path):
    """As Airflow's timetable has it; the one of airflow.sdk cannot be turned into it by Airflow's own code."""
    body = "from airflow.sdk import EventsTimetable\nimport pendulum\n"
    body += "EVENTS = [pendulum.datetime(2026, 3, 1), pendulum.datetime(2026, 4, 1)]\n"
    body += f"with DAG('case', schedule=EventsTimetable(EVENTS, restrict_to_events={restrict})):\n    pass\n"
    diagnostics, day = Diagnostics(), datetime(2026, 3, 5, tzinfo=timezone.utc)
    both = ManualRuns(str(write_dag(tmp_path, body))).data_interval("case", day, diagnostics)
    assert ([moment.isoformat() for moment in both], list(diagnostics)) == ([interval, interval], [])


def test_a_file_is_run_once_for_all_that_a_manual_run_wants(tmp_path):
    body = f"with open({str(tmp_path / 'ran')!r}, 'a') as ran:\n    print(file=ran)\n"
    body += "with DAG('case', schedule='@daily', params={'n': 1}):\n    pass\n"
    runs, diagnostics = ManualRuns(str(write_dag(tmp_path, body))), Diagnostics()
    day = datetime(2026, 3, 5, tzinfo=timezone.utc)
    runs.check_conf("case", {"n": 2}, diagnostics)
    assert runs.data_interval("case", day, diagnostics) == (day, day)
    runs.check_partition_key("case", "north", diagnostics)
    assert [finding.code for finding in diagnostics] == ["DW329"]
    assert (tmp_path / "ran").read_text() == "\n"


def test_schedules_are_told_in_words(tmp_path):
    body = """
    from airflow.sdk import Asset, AssetAlias, AssetOrTimeSchedule, CronTriggerTimetable, MultipleCronTriggerTimetable
    from airflow.timetables.interval import CronDataIntervalTimetable
    ORDERS, USERS = Asset("orders"), Asset("users")
    for number, schedule in enumerate((
        "@daily",
        timedelta(hours=1),
        [ORDERS, USERS],
        ORDERS | AssetAlias("any"),
        CronTriggerTimetable("0 4 * * 1", timezone="UTC"),
        MultipleCronTriggerTimetable("0 4 * * *", "0 5 * * *", timezone="UTC"),
        CronDataIntervalTimetable("0 6 * * *", timezone="UTC"),
        AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 7 * * *", timezone="UTC"), assets=[ORDERS]),
        None,
    )):
        with DAG(f"case_{number}", schedule=schedule):
            pass
    """
    compiled = compile_text(tmp_path, body, target="batch", unattended=True)
    texts = [
        finding.what.partition("Airflow does by ")[2] for finding in compiled.diagnostics if finding.code == "DW330"
    ]
    assert texts == [
        "schedule='@daily'",
        "schedule=datetime.timedelta(seconds=3600)",
        "updates of the assets orders, users",
        "updates of the assets any, orders",
        "timetable CronTriggerTimetable '0 4 * * 1'",
        "timetable MultipleCronTriggerTimetable '0 4 * * *' '0 5 * * *'",
        "timetable CronDataIntervalTimetable '0 6 * * *'",
        "updates of the assets orders or timetable AssetOrTimeSchedule '0 7 * * *'",
    ]


def test_a_helper_s_own_error_is_where_it_is_to_be_mended(tmp_path):
    (tmp_path / "old_helper.py").write_text("\nfrom airflow.hooks.base_hook import BaseHook\n")
    (tmp_path / "reading_helper.py").write_text("def read():\n    return open('/nowhere/config.yaml')\n")
    old = write_dag(tmp_path, "import old_helper\n", name="old.py", header="import airflow.sdk\n")
    reading = write_dag(tmp_path, "import reading_helper\n\nreading_helper.read()\n", name="reading.py", header="")
    first, second = compile_files(old, reading).diagnostics
    assert (first.code, str(first.origin)) == ("DW104", f"{tmp_path / 'old_helper.py'}:2")
    assert first.what.endswith(f"use airflow.sdk (BaseHook) (reached from {old}:2)")
    assert first.hint == f"run: ductwork upgrade {old}"
    assert (second.code, str(second.origin)) == ("DW103", f"{tmp_path / 'reading_helper.py'}:2")
    assert second.what.endswith(f"'/nowhere/config.yaml' (reached from {reading}:3)")


def test_a_package_that_is_too_old_is_named(tmp_path, monkeypatch):
    """Nothing in the DAG file is to be mended."""
    package = tmp_path / "lib" / "site-packages" / "too_old"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from airflow.utils.dates import days_ago\n")
    monkeypatch.syspath_prepend(package.parent)
    path = write_dag(tmp_path, "import too_old\n", header="")
    (finding,) = compile_files(path).diagnostics
    assert (finding.code, finding.origin.line) == ("DW103", 1)
    assert f"raised in the installed package at {package / '__init__.py'}:1" in finding.what
    assert finding.hint == "install a version of the package that is made for Airflow 3"


def test_a_cluster_policy_is_shown_with_its_line(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "airflow_local_settings.py").write_text(
        "from airflow.exceptions import AirflowClusterPolicySkipDag\n"
        "def dag_policy(dag):\n"
        "    if dag.dag_id == 'skipped':\n"
        "        raise AirflowClusterPolicySkipDag('not here')\n"
        "    if dag.dag_id == 'broken':\n"
        "        dag.no_such_attribute\n"
    )
    file = tmp_path / "case.py"
    file.write_text(
        "from airflow.sdk import DAG\n" + "".join(f"with DAG({name!r}): pass\n" for name in ("broken", "skipped", "x"))
    )
    script = f"import json, sys; sys.path.insert(0, {str(tmp_path / 'config')!r}); sys.path.insert(0, {SUPPORT!r})\n"
    script += (
        "from compiling import compile_files\n"
        f"made = compile_files({str(file)!r})\n"
        "print('FOUND', json.dumps([[f.code, f.dag_id, f.origin.line, f.what] for f in made.diagnostics]))\n"
        "print('MADE', [each.dag_id for each in made.artefacts])\n"
    )
    out = fresh_python(script)
    findings = json.loads(next(line for line in out.splitlines() if line.startswith("FOUND"))[6:])
    assert [finding[:3] for finding in findings] == [["DW108", "broken", 2], ["DW114", "skipped", 3]]
    assert "airflow_local_settings.py:6 in dag_policy: dag.no_such_attribute" in findings[0][3]
    assert "MADE ['x']" in out


def test_two_dags_that_airflow_rejects_are_both_told(tmp_path):
    """Airflow keeps one error for each file."""
    body = "".join(
        f"with DAG('{name}', schedule=None):\n    a, b = (EmptyOperator(task_id=i) for i in 'ab')\n    a >> b >> a\n"
        for name in ("one", "two")
    )
    made = compile_text(tmp_path, body + "with DAG('three', schedule=None):\n    pass\n")
    assert [(finding.code, finding.dag_id) for finding in made.diagnostics] == [("DW108", "one"), ("DW108", "two")]
    assert [artefact.dag_id for artefact in made.artefacts] == ["three"]
