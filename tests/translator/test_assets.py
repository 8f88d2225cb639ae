"""The assets that a DAG names travel into the run item, whatever part of the DAG names them."""

from __future__ import annotations

import json

import pytest
from asl_check import assert_sound
from compiling import compile_text, document

HEADER = """
from airflow.sdk import Asset, AssetAlias, asset
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable
A, B, C = Asset("a", "s3://b/a"), Asset(name="b"), Asset("c", "x://b/c", group="g", extra={"n": [1, "{% x %}"]})
TASK = {"task_id": "t", "bash_command": "true"}
"""
DOCUMENTS = {
    "a": {"name": "a", "uri": "s3://b/a"},
    "b": {"name": "b", "uri": "b"},
    "c": {"name": "c", "uri": "x://b/c", "group": "g", "extra": {"n": [1, "{% x %}"]}},
    "f": {"name": "f", "uri": "f"},
}


def dag_of(arguments="schedule=None", task="BashOperator(**TASK)", dag_id="case"):
    return f"with DAG({dag_id!r}, {arguments}):\n    {task}\n"


# The DAG ``case`` and the assets it knows.
PLACES = {
    "nothing": (dag_of(), ""),
    "outlets": (dag_of(task="BashOperator(**TASK, outlets=[C, A])"), "ac"),
    "a single inlet": (dag_of(task="BashOperator(**TASK, inlets=B)"), "b"),
    "an alias is none": (dag_of(task="BashOperator(**TASK, outlets=[AssetAlias('x'), B])"), "b"),
    "a mapped task": (
        dag_of(task="BashOperator.partial(task_id='t', outlets=[A], inlets=[B]).expand(bash_command=['true'])"),
        "ab",
    ),
    "the schedule": (dag_of("schedule=[A, B]"), "ab"),
    "a condition": (dag_of("schedule=(A & B) | C"), "abc"),
    "a schedule with times": (
        dag_of("schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable('0 0 * * *', timezone='UTC'), assets=A)"),
        "a",
    ),
    "@asset": ("@asset(schedule=None, dag_id='case')\ndef f(self, outer): pass\n", "f"),
    "@asset.multi": ("@asset.multi(schedule=None, outlets=[A, C], dag_id='case')\ndef f(): pass\n", "ac"),
    "references to assets of the file": (
        dag_of(task="BashOperator(**TASK, inlets=[Asset.ref(name='c'), Asset.ref(uri='b'), Asset.ref(name='no')])")
        + dag_of("schedule=[A, B]", "BashOperator(**TASK, outlets=[C])", dag_id="other"),
        "bc",
    ),
    "the last of two that are one": (
        dag_of("schedule=[Asset('b', extra={'first': True})]", "BashOperator(**TASK, outlets=[B])"),
        "b",
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_assets_are_in_the_run_item(name, tmp_path):
    body, known = PLACES[name]
    machine = document(compile_text(tmp_path, HEADER + body, dag_id="case"))
    assert_sound(machine)
    item = machine["States"]["Start run"]["Arguments"]["Item"]
    written = item.get("assets", {"S": None})["S"]
    assert (written and json.loads(written)) == ([DOCUMENTS[one] for one in known] or None)


def test_assets_are_in_the_manifest_of_a_chain(tmp_path):
    def manifest(task):
        return document(compile_text(tmp_path, HEADER + dag_of(task=task), target="batch"))["manifest"]

    assert manifest("BashOperator(**TASK, outlets=[C, A])")["assets"] == [DOCUMENTS["a"], DOCUMENTS["c"]]
    assert "assets" not in manifest("BashOperator(**TASK)")
