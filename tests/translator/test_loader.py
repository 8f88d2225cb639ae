"""Loading DAG files: what is found, where tasks are written, and what loading leaves behind."""

from __future__ import annotations

import os
import sys

import pytest
from code_cases import bash, in_dag
from compiling import HEADER_LINES, codes, compile_files, compile_text, write_dag


def lines_of(compiled):
    """Task id -> line within the body of the file."""
    assert codes(compiled.diagnostics) == []
    return {task.task_id: task.origin.line - HEADER_LINES for workflow in compiled.workflows for task in workflow.tasks}


PLACES = {
    "operators": (in_dag(bash("a"), "", bash("b")), {"a": 2, "b": 4}),
    "TaskFlow": (
        in_dag("@task", "def a(): pass", "@task(task_id='b')", "def other(): pass", "a() >> other()"),
        {"a": 3, "b": 4},
    ),
    "a function called twice": (in_dag("@task", "def a(): pass", "a()", "a()"), {"a": 3, "a__1": 3}),
    "in a group": (in_dag("with TaskGroup('g'):", f"    {bash('a')}"), {"g.a": 3}),
    "over several lines": (
        in_dag("BashOperator(", "    task_id='a',", "    bash_command='true',", ")"),
        {"a": 2},
    ),
    "in a loop": (in_dag("for i in 'xy':", "    BashOperator(task_id=i, bash_command='true')"), {"x": 3, "y": 3}),
    "in loops, with parts of their ids": (
        in_dag(
            "for i in 'xy':",
            "    BashOperator(task_id=f'a_{i}', bash_command='true')",
            "    BashOperator(task_id=f'a_{i}_end', bash_command='true')",
        ),
        {"a_x": 3, "a_y": 3, "a_x_end": 4, "a_y_end": 4},
    ),
    "by a class of the author's": (
        in_dag(
            "class Mine(BashOperator):",
            "    def __init__(self, task_id, **kwargs):",
            "        super().__init__(task_id=task_id, bash_command='true', **kwargs)",
            "for i in 'xy':",
            "    Mine(task_id=i)",
        ),
        {"x": 6, "y": 6},
    ),
    # Two lines may have made these ids: the line of the DAG.
    "in two loops": (
        in_dag(*(f"for i in '{ids}':\n        BashOperator(task_id=i, bash_command='true')" for ids in ("x", "y"))),
        {"x": 1, "y": 1},
    ),
}


def _in(dag_id, *lines):
    return "\n".join([f"with DAG({dag_id}):", *(f"    {line}" for line in lines), ""])


# Body -> line of each task, by DAG and task.
OF_SEVERAL_DAGS = {
    "with": (_in("'one'", bash("go")) + _in("'two'", bash("go")), {"one.go": 2, "two.go": 4}),
    "ids made at run time": (
        "for i in 'ab':\n    with DAG(f'one_{i}'):\n        " + bash("go") + "\n" + _in("'two'", bash("go")),
        {"one_a.go": 3, "one_b.go": 3, "two.go": 5},
    ),
    "a variable": (
        "\n".join(
            [
                "dag = DAG('one')",
                bash("go", ", dag=dag"),
                "first = dag",
                "dag: DAG = DAG(dag_id='two')",
                bash("go", ", dag=dag"),
                "with dag:",
                f"    {bash('more')}",
                "with DAG('three') as three:",
                f"    {bash('other')}",
                bash("go", ", dag=three"),
            ]
        ),
        {"one.go": 2, "two.go": 5, "two.more": 7, "three.other": 9, "three.go": 10},
    ),
    "decorators": (
        "\n".join(
            [
                *("@dag(schedule=None)", "def one():", "    @task", "    def go(): pass", "    go()", "one()"),
                *(
                    "@dag('two', schedule=None)",
                    "def other():",
                    "    @task",
                    "    def go(): pass",
                    "    go()",
                    "other()",
                ),
            ]
        ),
        {"one.go": 4, "two.go": 10},
    ),
    "override": (
        "@task\ndef go(): pass\n"
        + _in("'one'", "go()", "go.override(task_id='second')()")
        + _in("'two'", "go()", "go.override(task_id='second')()"),
        {"one.go": 2, "one.second": 5, "two.go": 2, "two.second": 8},
    ),
    "a factory, and one beside it": (
        f"def make(name):\n    with DAG(name):\n        {bash('go')}\nmake('one')\nmake('two')\n"
        + _in("'three'", bash("go")),
        {"one.go": 3, "two.go": 3, "three.go": 7},
    ),
    "a function that adds to any": (
        f"def add():\n    {bash('go')}\n" + _in("'one'", "add()") + _in("'two'", "add()", bash("x")),
        {"one.go": 2, "two.go": 2, "two.x": 7},
    ),
    "groups": (
        _in(
            "'one'",
            "with TaskGroup('a'):",
            f"    {bash('go')}",
            "with TaskGroup(group_id='b'):",
            f"    {bash('go')}",
            "    with TaskGroup('a'):",
            f"        {bash('go')}",
            bash("go"),
        ),
        {"one.a.go": 3, "one.b.go": 5, "one.b.a.go": 7, "one.go": 8},
    ),
    # Two lines may have made these: the line of the DAG.
    "either of two": (
        _in("'one'", "if START:", f"    {bash('go')}", "else:", f"    {bash('go')}"),
        {"one.go": 1},
    ),
}


@pytest.mark.parametrize("name", OF_SEVERAL_DAGS)
def test_tasks_of_one_id_are_each_at_their_own_line(name, tmp_path):
    body, places = OF_SEVERAL_DAGS[name]
    compiled = compile_text(tmp_path, body)
    assert codes(compiled.diagnostics) == []
    assert {
        f"{workflow.dag_id}.{task.task_id}": task.origin.line - HEADER_LINES
        for workflow in compiled.workflows
        for task in workflow.tasks
    } == places


def test_a_chain_of_thousands_is_read(tmp_path):
    """Its tree is as deep as the chain is long."""
    body = in_dag(bash("a"), bash("b"), " | ".join(["1"] * 900))
    assert lines_of(compile_text(tmp_path, body)) == {"a": 2, "b": 3}


@pytest.mark.parametrize("name", PLACES)
def test_tasks_are_found_where_they_are_written(name, tmp_path):
    body, places = PLACES[name]
    assert lines_of(compile_text(tmp_path, body)) == places


def test_a_dag_with_an_id_made_at_run_time_is_found_where_it_is_made(tmp_path):
    body = """\
    for team in ("a", "b"):
        with DAG(f"case_{team}", start_date=START):
            pass
    """
    compiled = compile_text(tmp_path, body)
    assert [workflow.origin.line - HEADER_LINES for workflow in compiled.workflows] == [2, 2]


def test_a_task_added_after_the_with_block_belongs_to_the_one_dag(tmp_path):
    body = (
        in_dag(bash("a")).replace("):\n", ") as dag:\n", 1)
        + "BashOperator(task_id='b', bash_command='true', dag=dag)\n"
    )
    assert lines_of(compile_text(tmp_path, body)) == {"a": 2, "b": 3}


def test_ids_may_be_members_of_an_enumeration(tmp_path):
    """What Airflow makes of them is their value, whatever Python's str() says."""
    body = """
    from enum import Enum

    class Name(str, Enum):
        DAG, FIRST, SECOND = "case", "first", "second"

    with DAG(Name.DAG, schedule=None):
        BashOperator(task_id=Name.FIRST, bash_command="true") >> BashOperator(task_id=Name.SECOND, bash_command="true")
    """
    (workflow,) = compile_text(tmp_path, body).workflows
    ids = [workflow.dag_id, *(task.task_id for task in workflow.tasks), *workflow.tasks[1].upstream]
    assert ids == ["case", "first", "second", "first"]
    assert {type(name) for name in ids} == {str}


DAG_PLACES = {
    "a context manager": (in_dag(bash()), 1),
    "a keyword": ("\nd = DAG(dag_id='case', schedule=None)\n", 2),
    "decorated": ("@dag(schedule=None)\ndef case():\n    pass\ncase()\n", 2),
    "decorated with an id": ("@dag(dag_id='case', schedule=None)\ndef other():\n    pass\nother()\n", 1),
}


@pytest.mark.parametrize("name", DAG_PLACES)
def test_dags_are_found_where_they_are_written(name, tmp_path):
    body, line = DAG_PLACES[name]
    (workflow,) = compile_text(tmp_path, body).workflows
    assert (workflow.dag_id, workflow.origin.line - HEADER_LINES) == ("case", line)


def test_a_named_file_is_loaded_whatever_words_it_holds(tmp_path):
    """Airflow looks only into files that hold two certain words; who names a file means it."""
    write_dag(tmp_path, "def make():\n    return DAG('made', schedule=None)\n", name="shop.py")
    path = write_dag(tmp_path, "import shop\nflow = shop.make()\n", name="short.py", header="")
    compiled = compile_files(path)
    assert codes(compiled.diagnostics) == []
    assert [workflow.dag_id for workflow in compiled.workflows] == ["made"]
    sys.modules.pop("shop")


def test_a_folder_is_searched_and_other_files_left_alone(tmp_path):
    (tmp_path / "inner").mkdir()
    write_dag(tmp_path, in_dag(bash()), name="b.py")
    write_dag(tmp_path / "inner", in_dag(bash()).replace("'case'", "'inner'"))
    write_dag(tmp_path, "raise RuntimeError('this is no file of ours')\n", name="other.py", header="")
    write_dag(tmp_path, "x = 'airflow dag'\n", name="helper.py", header="")
    compiled = compile_files(tmp_path)
    assert codes(compiled.diagnostics) == []
    assert [workflow.dag_id for workflow in compiled.workflows] == ["case", "inner"]


def test_an_error_far_from_the_file_names_the_file_s_own_line(tmp_path):
    body = "import json\n\ndef read():\n    return json.loads('{')\n\nread()\n"
    (found,) = compile_text(tmp_path, body).diagnostics
    assert (found.code, found.origin.line) == ("DW103", HEADER_LINES + 4)
    assert found.what == (
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    )


def test_an_error_of_several_lines_is_told_whole(tmp_path):
    (found,) = compile_text(tmp_path, "raise ValueError('one\\ntwo')\n").diagnostics
    assert (found.code, found.what) == ("DW103", "ValueError: one two")


def test_an_operator_without_one_of_its_template_fields_loads_as_in_airflow(tmp_path):
    lines = ["class Mine(BashOperator):", "    template_fields = ('bash_command', 'other')", ""]
    compiled = compile_text(tmp_path, in_dag(*lines, "Mine(task_id='t', bash_command='true')"))
    assert lines_of(compiled) == {"t": 5}


def test_loading_leaves_no_trace(tmp_path):
    before = list(sys.path), dict(os.environ), os.getcwd()
    compile_text(tmp_path, in_dag(bash()))
    compile_text(tmp_path, "1 / 0\n")
    assert (list(sys.path), dict(os.environ), os.getcwd()) == before


def test_paths_in_findings_are_as_given(tmp_path, monkeypatch):
    write_dag(tmp_path, in_dag(bash(more=", pool='p'")))
    monkeypatch.chdir(tmp_path)
    (found,) = compile_files("case.py").diagnostics
    assert found.origin.file == "case.py"
    assert str(found).startswith(f"case.py:{HEADER_LINES + 2}: warning DW308 [case.t pool]: ")


def test_the_dag_file_is_relative_to_the_dags_folder(tmp_path, monkeypatch):
    """The worker finds the file by its path in the bundle: the DAGs folder, or the file's own folder outside it."""
    inner = tmp_path / "dags" / "team"
    inner.mkdir(parents=True)
    path = write_dag(inner, in_dag(bash()))
    (outside,) = compile_files(path).workflows
    assert (outside.dag_file, outside.bundle_path) == ("case.py", str(inner))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    (inside,) = compile_files(path).workflows
    assert (inside.dag_file, inside.bundle_path) == ("team/case.py", str(tmp_path / "dags"))
