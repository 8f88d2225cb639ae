"""Files of templates: Airflow reads them when it loads the DAG, so they are compiled like any other template."""

from __future__ import annotations

import pytest
from compiling import compile_text
from ductwork.ir import BatchJob

HEAD = """
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG
with DAG("d", template_searchpath={places!r}, params={{"x": "a"}}):
    DockerOperator(task_id="t", image="i", auto_remove="success", do_xcom_push=False, command=["sh", "-c", "run.sh"])
"""


@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside the DAG file", "in template_searchpath"])
def test_a_script_is_compiled_with_its_templates(elsewhere, tmp_path):
    place = tmp_path / "scripts" if elsewhere else tmp_path
    place.mkdir(exist_ok=True)
    (place / "run.sh").write_text("load --day {{ ds }} {% for name in params.x %}{{ name }}{% endfor %}\n")
    compiled = compile_text(tmp_path, HEAD.format(places=[str(place)] if elsewhere else []))
    text = compiled.artefacts[0].text()
    assert "load --day " in text
    assert "run.sh" not in text
    assert not [finding for finding in compiled.diagnostics if finding.code.startswith("DW4")]


def test_a_script_that_is_not_there_is_left_to_a_worker(tmp_path):
    compiled = compile_text(tmp_path, HEAD.format(places=[]))
    assert not isinstance(compiled.workflows[0].tasks[0].work, BatchJob)
