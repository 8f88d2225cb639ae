"""Container operators on the embedded AWS: jobs of their own, beside workers, on both targets."""

import os
from pathlib import Path

import pytest

OPERATORS = (
    "airflow.providers.cncf.kubernetes.operators.pod",
    "airflow.providers.docker.operators.docker",
    "docker.types",
)
CONTAINERS = Path(__file__).parent / "dags" / "containers.py"


@pytest.fixture
def ductwork(ductwork):
    ductwork.imports = OPERATORS
    return ductwork


@pytest.mark.parametrize("target", ["--target=stepfunctions", "--target=batch", "--engine=batch"])
def test_a_container_below_what_is_skipped_does_not_run(target, ductwork):
    """In a chain Batch must be kept from starting it; what is below it is skipped too, workers as well."""
    done = ductwork(
        *("run", CONTAINERS, "--dag-id", "chained", "--local", "--json", target),
        *("--logical-date", "2026-03-04"),
    )
    assert done.code == 0, done.err
    states = {task["task_id"]: (task["state"], task["try_number"]) for task in done.json["tasks"]}
    assert states == {
        "skips": ("skipped", 1),
        "below": ("skipped", 0),
        "after": ("skipped", 0),
        "works": ("success", 1),
        "runs": ("success", 1),
    }


def test_a_container_that_fails_calls_back(ductwork, tmp_path):
    notes = tmp_path / "notes"
    conf = f'{{"notes": "{notes}"}}'
    done = ductwork("run", CONTAINERS, "--dag-id", "called_back", "--local", "--json", "--conf", conf)
    (breaks,) = done.json["tasks"]
    assert (done.code, breaks["state"], breaks["try_number"]) == (1, "failed", 2), done.err
    assert notes.read_text() == "breaks 2"


def test_a_container_whose_command_only_its_image_knows(ductwork):
    refused = ductwork("run", CONTAINERS, "--dag-id", "unknown", "--local")
    assert (refused.code, "DW504" in refused.err, "unknown.own_command command" in refused.err) == (1, True, True)


@pytest.mark.parametrize("target", ["stepfunctions", "batch"])
def test_a_container_with_ductwork_in_its_image_hands_on_what_it_prints(target, ductwork):
    done = ductwork("run", CONTAINERS, "--dag-id", "handing_on", "--local", "--json", "--target", target)
    found = {task["task_id"]: task for task in done.json["tasks"]}
    assert found["reads"]["return_value"] == {"last": "two", "every": ["one", "two"]}, done.err
    assert (done.code, found["fails"]["state"], "return_value" in found["fails"]) == (1, "failed", False)
    assert "exit code 3" in done.err


def test_containers_of_a_mapped_group_hand_on_what_their_instances_print(ductwork):
    done = ductwork("run", CONTAINERS, "--dag-id", "grouped", "--local", "--json")
    assert done.code == 0, done.err
    found = {(task["task_id"], task["map_index"]): task for task in done.json["tasks"]}
    values = {found["each.says", index]["return_value"] for index in (0, 1)}
    # Each prints the number of its own process.
    assert len(values) == found["counts", -1]["return_value"] == 2


@pytest.mark.skipif(not os.access("/", os.W_OK), reason="only who may make /airflow/xcom, Kubernetes' own path, can")
def test_a_worker_keeps_what_its_containers_do(ductwork):
    """Its XCom, even of one that fails; a skip by its exit code; and an end by force at its time limit."""
    done = ductwork("run", CONTAINERS, "--dag-id", "by_worker", "--local", "--json")
    found = {task["task_id"]: task for task in done.json["tasks"]}
    states = {name: task["state"] for name, task in found.items()}
    assert states == {
        "writes": "success",
        "takes": "success",
        "writes_and_fails": "failed",
        "skips": "skipped",
        "too_long": "failed",
    }, done.err
    assert found["takes"]["return_value"] == found["writes"]["return_value"] == {"a": [1, 10]}
    assert found["writes_and_fails"]["return_value"] == [7]
    assert "Pod writes_and_fails returned a failure." in done.err
    assert "exit code 3" in done.err
    assert "AirflowTaskTimeout" in done.err
    logs = Path(ductwork.home, "ductwork", "logs").glob("by_worker-too_long-*")
    assert "Ending AWS Batch job" in "".join(log.read_text() for log in logs)


@pytest.mark.long
def test_a_container_outlives_its_worker_and_runs_once(ductwork, tmp_path):
    """The next try goes on with the job that is there, and takes its XCom."""
    notes = tmp_path / "notes"
    done = ductwork("run", CONTAINERS, "--dag-id", "died", "--local", "--json", "--conf", f'{{"notes": "{notes}"}}')
    (lasts,) = done.json["tasks"]
    assert (lasts["state"], lasts["try_number"], lasts["return_value"]) == ("success", 2, "y"), done.err
    assert notes.read_text() == "x\n"
    logs = Path(ductwork.home, "ductwork", "logs").glob("died-lasts-*")
    assert "Going on with AWS Batch job" in "".join(log.read_text() for log in logs)
