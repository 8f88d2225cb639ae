"""Delegation by configuration, and Ductwork as a folder of plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.execution_time import task_runner
from airflow_versions import DagBag
from ductwork_airflow import policy
from pydantic import TypeAdapter

ROOT = Path(__file__).parents[3]


def dag_of(dag_id, *tags):
    with DAG(dag_id, tags=list(tags)) as dag:

        @task
        def work():
            return None

        work()
    return dag


@pytest.mark.parametrize(
    ("dag_id", "tags", "settings", "delegated"),
    [
        ("plain", [], {}, False),
        ("plain", ["ductwork"], {}, True),
        ("plain", ["ductwork"], {"DELEGATE_TAG": "remote"}, False),
        ("plain", ["remote"], {"DELEGATE_TAG": "remote"}, True),
        ("nightly_a", [], {"DELEGATE_DAGS": "daily, nightly_*"}, True),
        ("weekly", [], {"DELEGATE_DAGS": "daily, nightly_*"}, False),
        ("weekly", [], {"DELEGATE_DAGS": "*", "TARGET": "batch"}, True),
    ],
)
def test_the_configuration_chooses(dag_id, tags, settings, delegated, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setenv(f"AIRFLOW__DUCTWORK__{name}", value)
    dag = dag_of(dag_id, *tags)
    policy.dag_policy(dag)
    assert ("ductwork_submit" in dag.task_ids) is delegated
    if delegated:
        assert dag.get_task("work").target == settings.get("TARGET", "stepfunctions")


def test_worker_and_translator_are_left_alone(monkeypatch):
    monkeypatch.setenv("DUCTWORK_DAG_ID", "plain")
    dag = dag_of("plain", "ductwork")
    policy.dag_policy(dag)
    assert dag.task_ids == ["work"]


def test_airflow_accepts_the_policy_as_a_plugin():
    """As it loads entry points of the group airflow.policy."""
    import pluggy
    from airflow import policies

    manager = pluggy.PluginManager(policies.local_settings_hookspec.project_name)
    manager.add_hookspecs(policies)
    manager.register(policy)
    manager.check_pending()
    dag = dag_of("plain", "ductwork")
    manager.hook.dag_policy(dag=dag)
    assert "ductwork_submit" in dag.task_ids


REFUSED = """
from datetime import datetime
from airflow.sdk import DAG, task
from ductwork_airflow.operators import SubmitScheduleOperator

with DAG("DAG_ID", tags=TAGS) as dag:

    @task(executor_config={"ductwork": {"vcpus": 0.3}})
    def work():
        return None

    work()

if SUBMITS:
    with DAG("submits"):
        SubmitScheduleOperator(task_id="submit", source_dag=dag)
"""


@pytest.mark.parametrize(("tags", "submits"), [(["ductwork"], False), ([], True)])
def test_what_does_not_compile_is_an_import_error_of_the_dag_processor(tmp_path, monkeypatch, tags, submits):
    from airflow.dag_processing import processor

    file = tmp_path / "refused.py"
    text = REFUSED.replace("DAG_ID", "refused").replace("TAGS", repr(tags)).replace("SUBMITS", repr(submits))
    file.write_text(text)
    assert DagBag(dag_folder=str(file), safe_mode=False).import_errors == {}, "a task's process does not compile"
    comms = SimpleNamespace(body_decoder=TypeAdapter(processor.ToDagProcessor))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms, raising=False)
    (message,) = DagBag(dag_folder=str(file), safe_mode=False).import_errors.values()
    assert f"{file}:9: error DW201" in message and "Traceback" not in message
    file.write_text(text.replace("0.3", "0.5"))
    assert DagBag(dag_folder=str(file), safe_mode=False).import_errors == {}


FIND = """
import json, sys
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
import ductwork, ductwork_airflow.delegate, ductwork_airflow.policy
from airflow import settings
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
with DAG("tagged", tags=["ductwork"]) as dag:
    EmptyOperator(task_id="e")
settings.get_policy_plugin_manager().hook.dag_policy(dag=dag)
own = [plugin for plugin in plugins if plugin.name == "ductwork"]
print(json.dumps({
    "sources": [str(plugin.source) for plugin in own],
    "files": [ductwork.__file__, ductwork_airflow.delegate.__file__],
    "tasks": sorted(dag.task_ids),
    "strays": sorted({"aws", "ledger", "report", "compat", "graph"} & sys.modules.keys()),
}))
"""


def without_ductwork(folder):
    """A site-packages of links; with ``python -S`` it is the only one."""
    folder.mkdir()
    for path in (Path(path) for path in sys.path if path.endswith("site-packages")):
        for found in path.iterdir():
            if not found.name.startswith(("ductwork", "__editable__")) and not (folder / found.name).exists():
                (folder / found.name).symlink_to(found)
    return folder


def test_plugins_zip_is_a_plugins_folder(tmp_path):
    """In a Python that has all packages but this one."""
    out, folder = tmp_path / "build" / "plugins.zip", tmp_path / "plugins"
    subprocess.run([sys.executable, str(ROOT / "plugin" / "plugins_zip.py"), str(out)], check=True)
    first = out.read_bytes()
    subprocess.run([sys.executable, str(ROOT / "plugin" / "plugins_zip.py"), str(out)], check=True)
    assert out.read_bytes() == first, "the same files make the same archive"
    zipfile.ZipFile(out).extractall(folder)
    environment = {
        **os.environ,
        "PYTHONPATH": str(without_ductwork(tmp_path / "site")),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", FIND], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["sources"] == ["$PLUGINS_FOLDER/ductwork_plugin.py"]
    assert [Path(file).is_relative_to(folder) for file in found["files"]] == [True, True]
    assert found["tasks"] == ["ductwork_submit", "e"], "the tag works by itself"
    assert found["strays"] == [], "Airflow must not run the packages' modules as plugins"
