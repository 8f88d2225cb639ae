"""``ductwork upgrade``: old files that Airflow 3 loads afterwards, and what is said of the others."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from ductwork.airflow2 import is_airflow, moved
from ductwork.airflow2.names import _table as moved_names
from ductwork.diagnostics import Diagnostics
from ductwork.frontend import airflow_names
from ductwork.frontend.processing import run_file
from ductwork.upgrading import upgrade

OLD = Path(__file__).with_name("old_dag_files.txt")


def write_all(folder):
    for part in re.split(r"^=== ", OLD.read_text(encoding="utf-8"), flags=re.M)[1:]:
        name, _, text = part.partition("\n")
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def upgraded(*paths, write=True):
    diagnostics = Diagnostics()
    files = upgrade([str(path) for path in paths], diagnostics)
    for file in files:
        if write and file.after != file.before:
            Path(file.path).write_text(file.after, encoding="utf-8")
    return files, [str(each).split("\n")[0] for each in diagnostics]


def one(folder, text, *, write=False):
    (folder / "case.py").write_text(text, encoding="utf-8")
    (file, *_), told = upgraded(folder / "case.py", write=write)
    return file.after, told


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """``(folder, files, told)`` after an upgrade of all old files at once."""
    folder = tmp_path_factory.mktemp("old")
    write_all(folder)
    shutil.copytree(folder, folder.with_name("before"))
    return folder, *upgraded(folder)


def errors(file, folder):
    return [failure.message.strip().splitlines()[-1] for failure in run_file(str(file), str(folder)).failures]


def dag_files(folder):
    return [
        file
        for file in sorted(folder.rglob("*.py"))
        if re.search(r"\bDAG\(|@dag", file.read_text(encoding="utf-8")) and "stays" not in file.parts
    ]


def test_old_files_load_after_the_upgrade_and_did_not_before(project):
    folder, _, _ = project
    before = folder.with_name("before")
    files = dag_files(folder)
    assert len(files) >= 30
    assert {file.name: errors(file, file.parent) for file in files if errors(file, file.parent)} == {}
    loads = [file.name for file in dag_files(before) if not errors(file, file.parent)]
    assert len(loads) <= 3, loads


def test_what_cannot_be_finished_is_left_and_told(project):
    folder, files, told = project
    left = [file for file in files if "/stays/" in file.path]
    assert left
    assert [file.path for file in left if file.after != file.before] == []
    told = [each.removeprefix(f"{folder}/") for each in told]
    assert [each for each in told if each.startswith("stays/")] == [
        "stays/python2.py:2: error DW102: Python 3 cannot parse the file: Missing parentheses in call to 'print'. "
        "Did you mean print(...)?",
        "stays/create_session.py:2: error DW104: airflow.utils.db.create_session is not in Airflow 3: leave it out: tasks "
        "have no access to the metadata database; use the Airflow client API; the file is left as it was",
        "stays/create_session.py:3: error DW104: airflow.utils.dates.date_range is not in Airflow 3: use a fixed datetime: "
        "from datetime import datetime; start_date=datetime(2024, 1, 1); the file is left as it was",
        "stays/days_ago_for_others.py:2: error DW104: airflow.utils.dates.days_ago is not in Airflow 3: use a fixed "
        "datetime: from datetime import datetime; start_date=datetime(2024, 1, 1); the file is left as it was",
        "stays/subdag.py:2: error DW104: airflow.operators.subdag_operator.SubDagOperator is not in Airflow 3: use "
        "airflow.sdk.TaskGroup; the file is left as it was",
    ]
    assert {each.split(":")[0] for each in told if not each.startswith("stays/")} == {
        "default_args_only.py",
        "trigger.py",
    }


def test_a_second_upgrade_changes_nothing(project):
    folder, _, _ = project
    files, _ = upgraded(folder, write=False)
    assert [file.path for file in files if file.after != file.before] == []


def test_comments_and_layout_are_kept(tmp_path):
    after, told = one(
        tmp_path,
        "# licence\n"
        '"""Doc."""\n'
        "from airflow.operators.bash_operator import (  # shells\n"
        "    BashOperator,\n"
        ")\n"
        "# the clock\n"
        "from airflow.utils.dates import days_ago\n"
        "from airflow import DAG\n"
        "dag = DAG(  # mine\n"
        "    'd',\n"
        "    schedule_interval=None,  # by hand\n"
        "    start_date=days_ago(0),\n"
        "    concurrency=2)\n"
        "BashOperator(task_id='a', bash_command='date', dag=dag)\n",
    )
    assert told == []
    assert after == (
        "# licence\n"
        '"""Doc."""\n'
        "from airflow.providers.standard.operators.bash import (  # shells\n"
        "    BashOperator,\n"
        ")\n"
        "# the clock\n"
        "from airflow.sdk import DAG\n"
        "import pendulum\n"
        "dag = DAG(  # mine\n"
        "    'd',\n"
        "    schedule=None,  # by hand\n"
        '    start_date=pendulum.today("UTC"),\n'
        "    max_active_tasks=2)\n"
        "BashOperator(task_id='a', bash_command='date', dag=dag)\n"
    )


def test_line_ends_and_encoding_are_kept(tmp_path):
    text = "# -*- coding: latin-1 -*-\r\n# caf\xe9\r\nfrom airflow.operators.dummy import DummyOperator\r\n"
    (tmp_path / "case.py").write_bytes((text + "DummyOperator(task_id='a')\r\n").encode("latin-1"))
    ((file,), _) = upgraded(tmp_path / "case.py", write=False)
    assert file.after == text.replace(
        "airflow.operators.dummy import DummyOperator",
        "airflow.providers.standard.operators.empty import EmptyOperator",
    ) + ("EmptyOperator(task_id='a')\r\n")


TEMPLATES = {
    "'{{ execution_date }}'": "'{{ logical_date }}'",
    "'{{ execution_date.strftime(\"%d\") }} {{ ds }}'": "'{{ logical_date.strftime(\"%d\") }} {{ ds }}'",
    "'{{ next_ds }} {{ next_ds ~ 1 }}'": "'{{ data_interval_end | ds }} {{ (data_interval_end | ds) ~ 1 }}'",
    "'{{ yesterday_ds_nodash }}'": "'{{ (logical_date - macros.timedelta(days=1)) | ds_nodash }}'",
    "'{% if ti.execution_date %}x{% endif %}'": "'{% if logical_date %}x{% endif %}'",
    "'{{ dag_run.execution_date }}'": "'{{ dag_run.logical_date }}'",
    "f'{{{{ execution_date }}}}'": "f'{{{{ logical_date }}}}'",
    # Not the context's.
    "'{{ params.execution_date }} {{ f(execution_date=1) }} {{ x[\"next_ds\"] }} execution_date'": None,
    "f'{{ execution_date }}'": None,
}


def test_keys_in_templates(tmp_path):
    text = "".join(f"a{number} = {old}\n" for number, old in enumerate(TEMPLATES))
    after, told = one(tmp_path, f"import airflow\n{text}")
    assert told == []
    assert after.splitlines()[1:] == [
        f"a{number} = {new or old}" for number, (old, new) in enumerate(TEMPLATES.items())
    ]


def test_only_what_is_surely_the_context_is_changed(tmp_path):
    text = (
        "from airflow.sdk import task\n"
        "def helper(row, execution_date):\n"
        "    return row['execution_date'], execution_date\n"
        "@task\n"
        "def load(execution_date=None, prev_ds=None, **kwargs):\n"
        "    return execution_date, kwargs['tomorrow_ds'], helper({}, execution_date)\n"
    )
    after, told = one(tmp_path, text)
    assert after.splitlines()[1:] == [
        "def helper(row, execution_date):",
        "    return row['execution_date'], execution_date",
        "@task",
        "def load(logical_date=None, prev_ds=None, **kwargs):",
        '    return logical_date, kwargs["logical_date"].add(days=1).strftime("%Y-%m-%d"), helper({}, logical_date)',
    ]
    assert [each.partition("error ")[2] for each in told] == [
        "DW104: prev_ds is not in Airflow 3's context, and nothing has the same value for every run"
    ]


def test_what_the_author_gives_under_a_name_of_the_context_keeps_it(tmp_path):
    text = (
        "from airflow.providers.standard.operators.python import PythonOperator\n"
        "def load(execution_date, **kwargs):\n"
        "    return execution_date, kwargs['next_ds']\n"
        "def helper(**kwargs):\n"
        "    return kwargs['execution_date']\n"
        "PythonOperator(task_id='a', python_callable=load, op_kwargs={'execution_date': 1, 'next_ds': 2})\n"
        "helper(execution_date=1)\n"
    )
    assert one(tmp_path, text) == (text, [])


def test_a_name_that_others_import_keeps_its_name(project):
    folder, _, _ = project
    assert "import EmptyOperator as DummyOperator" in (folder / "re_export" / "common.py").read_text()
    assert "from airflow.operators.dummy import DummyOperator as EmptyOperator" in (folder / "guarded.py").read_text()


def test_helpers_of_one_file_are_upgraded_with_it(tmp_path):
    write_all(tmp_path)
    files, _ = upgraded(tmp_path / "with_helper" / "nightly.py", write=False)
    assert {os.path.relpath(file.path, tmp_path / "with_helper") for file in files if file.after != file.before} == {
        *("nightly.py", "lib/api.py", "lib/operators.py")
    }


def test_all_old_names_of_a_file_and_its_helpers_are_told_with_their_lines(tmp_path):
    from compiling import compile_files

    write_all(tmp_path)
    file = tmp_path / "with_helper" / "nightly.py"
    found = [each for each in compile_files(file).diagnostics if each.code == "DW104"]
    assert {each.hint for each in found} == {f"run: ductwork upgrade {file}"}
    assert [(os.path.basename(each.origin.file), each.origin.line) for each in found] == [
        *(("nightly.py", line) for line in (2, 3, 8, 8, 9)),
        ("api.py", 1),
        ("operators.py", 2),
    ]


def test_a_package_whose_name_begins_like_airflows_is_not_airflows(tmp_path):
    from compiling import compile_files

    (tmp_path / "case.py").write_text("from airflow import DAG\nfrom airflow_nowhere.models import Thing\n")
    (found,) = compile_files(tmp_path / "case.py").diagnostics
    assert (found.code, found.origin.line) == ("DW103", 2)
    after, told = one(tmp_path, "from airflow_nowhere.models import Thing\nThing()\n")
    assert (after, told) == ("from airflow_nowhere.models import Thing\nThing()\n", [])


# Its providers are not among what the tests install; their own packages were looked at when the table was made.
def test_every_place_of_the_table_is_there():
    missing = [
        f"{module}.{name}: {place}"
        for module, names in moved_names().items()
        for name, place in names.items()
        if is_airflow(place.module) and airflow_names.has(place.module, place.name) is False
    ]
    assert missing == []


def test_every_name_of_the_table_can_be_imported_after_the_upgrade(tmp_path):
    """Each in a statement of its own, all in one file; then each statement is run."""
    rows = [
        (module, name)
        for module, names in moved_names().items()
        for name, place in names.items()
        if not is_airflow(place.module) or airflow_names.has(place.module, place.name)
    ]
    assert len(rows) > 250
    text = "".join(
        f"from {module} import {name} as n{number}\nn{number}\n" for number, (module, name) in enumerate(rows)
    )
    after, told = one(tmp_path, text)
    assert told == []
    failed = []
    for line in [line for line in after.splitlines() if "import" in line]:
        try:
            exec(line, {})
        except ModuleNotFoundError as error:
            # What the module at the new place needs besides.
            if f"{line.split()[1]}.".startswith(f"{error.name}."):
                failed.append(line)
    assert failed == []


@pytest.mark.parametrize(
    ("module", "name", "now"),
    [
        ("airflow.models.mappedoperator", "MappedOperator", "airflow.sdk.definitions.mappedoperator.MappedOperator"),
        ("airflow.utils.log.secrets_masker", "mask_secret", "airflow.sdk.log.mask_secret"),
        ("airflow.utils.weekday", "WeekDay", "airflow.providers.standard.utils.weekday.WeekDay"),
        ("airflow.models.taskinstance", "Context", "airflow.sdk.Context"),
        ("airflow.operators", "BashOperator", "airflow.providers.standard.operators.bash.BashOperator"),
    ],
)
def test_names_that_have_a_successor(module, name, now):
    assert str(moved(module, name)) == now


def test_the_command_shows_a_diff_and_writes_if_asked(tmp_path):
    from cli_process import ductwork

    write_all(tmp_path)
    file = tmp_path / "tutorial.py"
    before = file.read_text()
    shown = ductwork("upgrade", "tutorial.py", cwd=tmp_path)
    assert (shown.code, file.read_text()) == (0, before)
    assert shown.out.startswith("--- a/tutorial.py\n+++ b/tutorial.py\n@@")
    assert "\n-dag = DAG('tutorial', default_args=default_args, schedule_interval=timedelta(days=1))\n" in shown.out
    assert shown.err.splitlines()[1:] == [
        "tutorial.py:4: airflow.operators.bash_operator.BashOperator is not in Airflow 3: use "
        "airflow.providers.standard.operators.bash.BashOperator",
        "tutorial.py:5: airflow.utils.dates.days_ago is not in Airflow 3: use a fixed datetime: from datetime import "
        "datetime; start_date=datetime(2024, 1, 1)",
        "tutorial.py:16: argument schedule_interval of DAG is not in Airflow 3: use schedule=",
        "1 of 1 file would change; give --write to change them",
    ]
    written = ductwork("upgrade", "tutorial.py", "--write", cwd=tmp_path)
    assert (written.code, written.out) == (0, "")
    assert "schedule=timedelta(days=1)" in file.read_text()
    left = ductwork("upgrade", "stays", "no_such.py", "--write", cwd=tmp_path)
    assert (left.code, left.err.splitlines()[-1]) == (1, "0 of 3 files changed; 5 need a person")
    assert (tmp_path / "stays" / "subdag.py").read_text() == before_of("stays/subdag.py")


def test_a_file_that_is_linked_to_keeps_its_place_and_its_mode(tmp_path):
    from cli_process import ductwork

    write_all(tmp_path)
    file, link = tmp_path / "tutorial.py", tmp_path / "linked.py"
    file.chmod(0o750)
    link.symlink_to(file)
    before = sorted(tmp_path.iterdir())
    assert ductwork("upgrade", "linked.py", "--write", cwd=tmp_path).code == 0
    assert link.is_symlink()
    assert (sorted(tmp_path.iterdir()), file.stat().st_mode & 0o777) == (before, 0o750)
    assert "schedule=timedelta(days=1)" in file.read_text()


def test_a_ruff_that_does_not_run_is_said(tmp_path):
    """One that Python finds first ends with an error; what is called so where the command is given is not run."""
    from cli_process import ductwork

    write_all(tmp_path)
    (tmp_path / "first" / "ruff").mkdir(parents=True)
    (tmp_path / "first" / "ruff" / "__init__.py").touch()
    (tmp_path / "first" / "ruff" / "__main__.py").write_text("raise SystemExit('no binary for this machine')\n")
    (tmp_path / "ruff.py").write_text("raise SystemExit('a file of the user has been run')\n")
    before = (tmp_path / "tutorial.py").read_text()
    assert ductwork("upgrade", "tutorial.py", cwd=tmp_path).code == 0
    found_first = {"PYTHONPATH": str(tmp_path / "first")}
    done = ductwork("upgrade", "tutorial.py", "--write", cwd=tmp_path, env=found_first)
    assert done.code != 0
    assert "ruff cannot be run, so nothing is changed: no binary for this machine" in done.err
    assert (tmp_path / "tutorial.py").read_text() == before


def before_of(name):
    return re.search(rf"^=== {re.escape(name)}\n(.*?)(?=^=== |\Z)", OLD.read_text(), re.M | re.S)[1]
