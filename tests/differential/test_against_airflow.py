"""Every example DAG and every case: task states, try numbers, return values and the run's state equal Airflow's."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The first test waits until every file has run three times.
pytestmark = pytest.mark.timeout(1200)

NAMES = [file.stem for file in sorted((HERE / "dags").glob("*.py"))]
EXAMPLES = [file.stem for file in sorted((HERE.parents[1] / "dags").glob("*.py")) if file.stem != "batch_jobs"]

# dag.test() never gives a mapped length, a hostname … to compare; these keys it does.
COMPARED = ("state", "try_number", "return_value")


def comparable(record):
    """One DAG's record in the form in which equal means equal."""
    tasks = {
        name: {key: numbers(task.get(key, "(none)")) for key in COMPARED} for name, task in record["tasks"].items()
    }
    return {"state": record["state"], "tasks": tasks}


def numbers(value):
    """SQLite keeps a top-level 1.0 as 1, so numbers are compared as numbers."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@pytest.mark.parametrize("target", ["stepfunctions", "batch"])
@pytest.mark.parametrize("name", [*NAMES, *EXAMPLES])
def test_equal_to_airflow(records, name, target):
    expected, found = records["airflow"][name], records[target][name]
    assert "diagnostics" not in found, found
    assert set(found) == set(expected)
    for dag_id, record in expected.items():
        assert comparable(found[dag_id]) == comparable(record), {
            task: details["error"] for task, details in found[dag_id]["tasks"].items() if details["error"]
        }


def test_the_cases_cover_every_outcome(records):
    """The suite would prove little if every task in it succeeded."""
    states = {
        task["state"] for dags in records["airflow"].values() for dag in dags.values() for task in dag["tasks"].values()
    }
    assert states == {"success", "failed", "skipped", "upstream_failed"}
    tries = {
        task["try_number"]
        for dags in records["airflow"].values()
        for dag in dags.values()
        for task in dag["tasks"].values()
    }
    assert tries == {0, 1, 2, 3}
