"""Rules of other packages, published under the entry-point group ``ductwork.rules``."""

import json
import os
import subprocess
import sys
from pathlib import Path

from compiling import write_dag

RULE = """
from ductwork.ir import Instant
from ductwork.rules.base import Rule

def lower(task, diagnostics):
    if task.task_id == "odd":
        return Instant(task.arguments["not there"])
    return Instant("nothing to run")

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
    command = [str(Path(sys.executable).with_name("ductwork")), "compile", str(path), "-o", "-"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_it_comes_before_our_own(tmp_path):
    code, out, err = compiled(tmp_path, "other")
    assert (code, err) == (0, "")
    assert "batch:submitJob" not in out
    assert {"plain", "other"} <= json.loads(out)["States"].keys() | set(out.split('"'))


def test_one_that_breaks_is_a_finding_about_the_task(tmp_path):
    code, out, err = compiled(tmp_path, "odd")
    assert (code, out) == (1, "")
    assert "error DW409 [case.odd]: the rule foreign broke on this BashOperator: KeyError: 'not there'" in err
    assert "Traceback" not in err
    code, out, _ = compiled(tmp_path, "odd", WITHOUT)
    assert (code, out.count("batch:submitJob")) == (0, 1)
