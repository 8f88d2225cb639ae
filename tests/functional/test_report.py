"""How a run's failures are told apart, for the ones that no small DAG can bring about."""

import pytest
from ductwork.diagnostics import Diagnostics, Origin
from ductwork_airflow.reporting.report import RunReport, TaskReport, diagnose


def diagnosed(state, error, *tasks):
    diagnostics = Diagnostics()
    diagnose(RunReport("dag", "run", state, error, tasks), {"t": Origin("file.py", 7)}, diagnostics)
    return [(finding.code, str(finding.origin), finding.what) for finding in diagnostics]


def task(state, error=None):
    return TaskReport("t", -1, state, 1, 1.0, error)


def test_an_execution_that_broke_outside_its_tasks():
    found = diagnosed("failed", "TIMED_OUT", task("success"))
    assert found == [("DW507", "dag", "TIMED_OUT")]


def test_a_run_that_succeeded_is_not_diagnosed():
    assert diagnosed("success", None, task("success"), task("skipped")) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("ValueError: boom", "DW511"),
        ("XComForMappingNotPushed: did not push XCom for task mapping", "DW512"),
        ("Essential container in task exited (exit code 137)", "DW513"),
        ("killed by signal 15", "DW513"),
        ("Job attempt duration exceeded timeout", "DW513"),
        ("the DAG file d.py cannot be imported in the container: KeyError: 'BUCKET' (line 4)", "DW518"),
        ("task load is not in the container's DAG file any more (DAG d)", "DW518"),
        ("the DAG code s3://b/c.zip cannot be used: it is not there any more", "DW530"),
        (None, "DW511"),
    ],
)
def test_kinds_of_failure(error, code):
    assert [found[:2] for found in diagnosed("failed", None, task("failed", error))] == [(code, "file.py:7")]
