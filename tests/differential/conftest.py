"""Runs all DAG files of this suite once under Airflow and once per target with Ductwork; tests compare the records."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from forked_processes import ForkedProcesses
from migrated_home import migrate

SUPPORT = Path(__file__).parents[1] / "support"
EXAMPLES = Path(__file__).parents[2] / "dags"
CASES = Path(__file__).parent / "dags"


def _run(processes, script, *arguments, environment, folder):
    """The records a script prints. It has a temporary folder of its own, which records name ``<tmp>``."""
    start = processes.airflow_script if script == "oracle.py" else partial(processes.start, "script")
    code, out, err = start([SUPPORT / script, *arguments], environment | {"TMPDIR": str(folder)}).wait()
    assert code == 0, f"{script} failed:\n{err[-4000:]}"
    return {Path(path).stem: found for path, found in json.loads(out.replace(str(folder), "<tmp>")).items()}


@pytest.fixture(scope="session")
def airflow_environment(tmp_path_factory):
    """An AIRFLOW_HOME with a migrated metadata database; the DAGs folder is made per call of ``gather``."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    migrate(environment, tmp_path_factory)
    return environment


def _environment(environment, name, tmp_path_factory):
    """Airflow's own DAGs folder stays empty: ``dag.test()`` writes all of it to the database, for every DAG it runs."""
    if name != "airflow":
        return environment
    return environment | {"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path_factory.mktemp("no-dags"))}


@pytest.fixture(scope="session")
def gather(airflow_environment, tmp_path_factory):
    """``gather(files)``: the records of Airflow and of each target, ``{"airflow": …, "stepfunctions": …, "batch": …}``.

    Settings are environment variables of ``local_runs.py``.
    """

    def run(files, targets=("stepfunctions", "batch"), airflow=True, **settings):
        folder = Path(airflow_environment["AIRFLOW__CORE__DAGS_FOLDER"])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        copies = [Path(shutil.copy(file, folder)) for file in files]
        calls = {target: ("local_runs.py", target) for target in targets}
        calls |= {"airflow": ("oracle.py",)} if airflow else {}
        processes = ForkedProcesses.shared()
        with ThreadPoolExecutor() as side_by_side:
            started = {
                name: side_by_side.submit(
                    _run,
                    processes,
                    *call,
                    *copies,
                    environment=_environment(airflow_environment, name, tmp_path_factory) | settings,
                    folder=tmp_path_factory.mktemp(name),
                )
                for name, call in calls.items()
            }
            return {name: future.result() for name, future in started.items()}

    return run


@pytest.fixture(scope="session")
def records(gather):
    """Everything that ran, once for the session. BatchOperators need an AWS that Airflow has not: see test_examples."""
    files = [
        *sorted(CASES.glob("*.py")),
        *(file for file in sorted(EXAMPLES.glob("*.py")) if file.stem != "batch_jobs"),
    ]
    return gather(files)
