"""Rules of other packages, published under the entry-point group ``ductwork.rules``."""

import json

import pytest
from cli_process import ductwork
from compiling import write_dag

RULE = """
from ductwork.ir import Instant, NoOp
from ductwork.rules.base import Rule

def lower(task, diagnostics):
    if task.task_id == "odd":
        return NoOp(task.arguments["not there"])
    if task.task_id == "nonsense":
        return "no work at all"
    return (Instant if task.task_id == "older" else NoOp)("nothing to run")

RULE = Rule(name="foreign", operators=("airflow.providers.standard.operators.bash.BashOperator",), lower=lower)
"""
DAG = """
with DAG("case", start_date=START):
    BashOperator(task_id="plain", bash_command="true")
    BashOperator(task_id={name!r}, bash_command="true"{config})
"""
WITHOUT = ", executor_config={'ductwork': {'native': False}}"


def compiled(folder, name, config=""):
    """``ductwork compile`` where another package's rule is installed: exit code, the machine's text, stderr."""
    metadata = folder / "foreign-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ductwork.rules]\nforeign = foreign_rule:RULE\n")
    (folder / "foreign_rule.py").write_text(RULE)
    dags = folder / "dags"
    dags.mkdir(exist_ok=True)
    path = write_dag(dags, DAG.format(name=name, config=config))
    return ductwork("compile", path, "-o", "-", packages=folder)


@pytest.mark.parametrize("name", ["other", "older"])
def test_it_comes_before_our_own(name, tmp_path):
    """Rules that were written when a NoOp was called Instant work as they did."""
    code, out, err = compiled(tmp_path, name)
    assert (code, err) == (0, "")
    assert "batch:submitJob" not in out
    assert {"plain", name} <= json.loads(out)["States"].keys() | set(out.split('"'))


def test_one_that_breaks_is_a_finding_about_the_task(tmp_path):
    code, out, err = compiled(tmp_path, "odd")
    assert (code, out) == (1, "")
    assert "error DW409 [case.odd]: the rule foreign broke on this BashOperator: KeyError: 'not there'" in err
    assert "Traceback" not in err
    code, out, _ = compiled(tmp_path, "odd", WITHOUT)
    assert (code, out.count("batch:submitJob")) == (0, 1)


def test_what_no_line_of_a_dag_has_caused_is_called_a_defect(tmp_path):
    code, out, err = compiled(tmp_path, "nonsense")
    assert (code, out) == (1, "")
    assert "case.py:9: error DW331 [case]: Ductwork has a defect: " in err
    assert "AttributeError: 'str' object has no attribute" in err
    assert "Traceback" not in err
