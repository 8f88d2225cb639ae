"""What a DAG file reads while it is imported is told, once a file, by whoever's code it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ductwork
import pytest
from compiling import compile_files, compile_text, write_dag
from ductwork.diagnostics import Diagnostics
from ductwork.frontend import reads
from ductwork.frontend.processing import Location

BODY = """
{before}
with DAG("case"):
    BashOperator(task_id="t", bash_command="true"{more})
"""
READS = [
    ("os.environ['PATH']", "the environment (PATH)"),
    ("os.environ.get('A_NAME')", "the environment (A_NAME)"),
    ("os.getenv('A_NAME', 'x')", "the environment (A_NAME)"),
    ("'A_NAME' in os.environ", "the environment (A_NAME)"),
    ("os.environ.copy()", "the environment, all of it"),
    ("{**os.environ}", "the environment, all of it"),
    ("[os.getenv(f'N{n}') for n in range(7)]", "the environment (N0, N1, N2, N3, N4 and 2 more)"),
    ("Variable.get('colour', default='red'), Variable.get(key='size', default=1)", "Variable colour, size"),
    ("__import__('airflow.models', fromlist=['Variable']).Variable.get('old', default_var=1)", "Variable old"),
    ("BaseHook.get_connection('warehouse')", "Connection warehouse"),
    ("os.getenv('ONE'), Variable.get('two', default=2)", "the environment (ONE) and Variable two"),
]
SILENT = [
    "os.getenv('DUCTWORK_DAG_ID'), os.environ.get('DUCTWORK_COMPILING')",
    "os.environ.update(WRITTEN='1')",
    # Airflow, Python and what they import read for themselves.
    "__import__('airflow.configuration', fromlist=['conf']).conf.get('core', 'default_timezone')",
    "__import__('tempfile').gettempdir(), os.path.expanduser('~'), __import__('shutil').which('bash')",
    "lambda: os.environ['NEVER_CALLED']",
]
IMPORTS = "import os\nfrom airflow.sdk import Variable\nfrom airflow.sdk.bases.hook import BaseHook\n"


def test_the_code_of_a_checkout_below_the_folder_of_a_dag_file_is_no_author_s():
    folder = Path(ductwork.__file__).parents[1]
    files = [folder / "ductwork" / "frontend" / "any.py", folder / "helper.py"]
    with reads.watched(folder) as seen:
        for file in files:
            exec(compile("import os; os.getenv('A_NAME')", str(file), "exec"), {})
    diagnostics = Diagnostics()
    seen.report("dag.py", Location(folder, folder / "dag.py"), diagnostics)
    assert [(finding.code, finding.origin.file) for finding in diagnostics] == [("DW110", "helper.py")]


def told(compiled):
    return [finding for finding in compiled.diagnostics if finding.code == "DW110"]


@pytest.mark.parametrize(("expression", "names"), READS)
def test_a_read_is_told(tmp_path, monkeypatch, expression, names):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://a-user:a-secret@db/x")
    compiled = compile_text(tmp_path, BODY.format(before=f"{IMPORTS}\nread = {expression}", more=""))
    (finding,) = told(compiled)
    assert finding.what == f"the file reads {names} when it is imported"
    assert len(compiled.artefacts) == 1 and "a-secret" not in str(finding)


@pytest.mark.parametrize(
    "expression", ["os.environ['A_NAME']", "Variable.get('none')", "BaseHook.get_connection('none')"]
)
def test_a_read_that_fails_is_reported_where_it_is_written(tmp_path, expression):
    compiled = compile_text(tmp_path, BODY.format(before=f"{IMPORTS}\nread = {expression}", more=""))
    failed, read = compiled.diagnostics
    assert (failed.code, read.code, failed.origin) == ("DW103", "DW110", read.origin)
    assert "reads.py" not in str(failed)


@pytest.mark.parametrize("expression", SILENT)
def test_what_is_no_read_of_the_file_is_not(tmp_path, expression):
    assert told(compile_text(tmp_path, BODY.format(before=f"{IMPORTS}\nread = {expression}", more=""))) == []


def test_one_note_a_file_at_its_first_read(tmp_path):
    helper = tmp_path / "helper_of_reads.py"
    helper.write_text("import os\n\ndef where():\n    return os.getenv('ONE'), os.getenv('TWO')\n")
    path = write_dag(
        tmp_path, BODY.format(before="import os\nimport helper_of_reads\nhelper_of_reads.where()", more="")
    )
    (finding,) = told(compile_files(path))
    assert (str(finding.origin), "(ONE, TWO)" in finding.what) == (f"{helper}:4", True)


def test_the_environment_is_as_before(tmp_path):
    before = type(os.environ), os.environ.copy()
    compile_text(tmp_path, BODY.format(before="import os\nos.environ['A_NAME']", more=""))
    assert (type(os.environ), os.environ.copy()) == before


def test_a_child_process_has_the_environment(tmp_path):
    """What the file starts while it is recorded is started as ever."""
    given = f"os.environ['GIVEN'] = 'on'\nprint(subprocess.run([{sys.executable!r}, '-c', 'import os; os.environ[\"GIVEN\"]'], check=True))"
    compiled = compile_text(tmp_path, BODY.format(before=f"import os, subprocess\n{given}", more=""))
    assert [str(each) for each in compiled.diagnostics] == []
    os.environ.pop("GIVEN")
    assert subprocess.run([sys.executable, "-c", "import os; os.environ['GIVEN']"], check=False).returncode == 1
