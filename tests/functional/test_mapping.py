"""Mapped tasks as a user meets them: limits on their instances, and restarts that change how many there are."""

import json
from pathlib import Path

import pytest

DAG_FILE = Path(__file__).parent / "dags" / "mapping.py"


@pytest.fixture(scope="module")
def limited(shared_ductwork):
    run = ("run", DAG_FILE, "--dag-id", "limited", "--local", "--json")
    done = shared_ductwork(*run, AIRFLOW__DUCTWORK__POOLS="narrow=3")
    assert done.code == 0, done.err
    return done.json["tasks"]


@pytest.mark.parametrize("task", ["in_a_run", "in_all_runs", "in_a_pool", "group.times"])
def test_one_instance_after_the_other(limited, task):
    found = [each for each in limited if each["task_id"] == task]
    assert [each["map_index"] for each in found] == [0, 1, 2]
    spans = sorted(each["return_value"][1:] for each in found)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False)), spans


def instances(done, task):
    found = {
        each["map_index"]: (each["state"], each["try_number"]) for each in done.json["tasks"] if each["task_id"] == task
    }
    return dict(sorted(found.items()))


@pytest.mark.long
def test_a_restart_with_other_items(shared_ductwork, tmp_path):
    """What was expanded and is no more is removed, as Airflow calls it."""
    file = tmp_path / "items.json"

    def run_with(items, *command):
        file.write_text(json.dumps(items))
        done = shared_ductwork(*command, "--local", "--json")
        assert (done.code, done.json["state"]) == (0, "success"), done.err
        values = {each["task_id"]: each.get("return_value") for each in done.json["tasks"]}
        assert values["gather"] == [item * 2 for item in items]
        return done

    conf = json.dumps({"items": str(file)})
    run = ("run", DAG_FILE, "--dag-id", "changing", "--run-id", "changing", "--conf", conf)
    again = ("restart", "changing", "changing", "--task", "items")
    first = run_with([1, 2, 3], *run)
    assert instances(first, "double") == instances(first, "each.inner") == dict.fromkeys(range(3), ("success", 1))
    fewer = run_with([4], *again)
    expected = {0: ("success", 2), 1: ("removed", 1), 2: ("removed", 1)}
    assert instances(fewer, "double") == instances(fewer, "each.inner") == expected
    none = run_with([], *again)
    gone = {-1: ("skipped", 0), 0: ("removed", 2), 1: ("removed", 1), 2: ("removed", 1)}
    assert instances(none, "double") == instances(none, "each.inner") == gone
    more = run_with([5, 6], *again)
    expected = {0: ("success", 3), 1: ("success", 2), 2: ("removed", 1)}
    assert instances(more, "double") == instances(more, "each.inner") == expected


@pytest.mark.long
def test_values_over_the_limit_of_an_item(shared_ductwork):
    """They go where Airflow's object-storage backend puts them, if there is one; without it the error says so."""
    run = ("run", DAG_FILE, "--dag-id", "large", "--local", "--json")
    refused = shared_ductwork(*run)
    assert (refused.code, "DW512" in refused.err, "object-storage XCom backend" in refused.err) == (1, True, True)
    storage = {
        "AIRFLOW__CORE__XCOM_BACKEND": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"file://{shared_ductwork.home}/xcoms",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "1000",
    }
    done = shared_ductwork(*run, **storage)
    values = {each["task_id"]: each["return_value"] for each in done.json["tasks"]}
    assert (done.code, values["total"]) == (0, 600_000), done.err
    assert values["make"].startswith("file://")


@pytest.mark.long
def test_a_restart_that_keeps_instances_of_different_ends(shared_ductwork, tmp_path):
    """The rules below still see both of them, and no instance is made up."""
    file = tmp_path / "gate"
    run = ("run", DAG_FILE, "--dag-id", "mixed", "--run-id", "mixed", "--conf", json.dumps({"items": str(file)}))
    failed = shared_ductwork(*run, "--local", "--json")
    assert instances(failed, "gate") == {-1: ("failed", 1)}
    file.touch()
    mended = shared_ductwork("restart", "mixed", "mixed", "--local", "--json")
    assert (mended.code, mended.json["state"]) == (0, "success"), mended.err
    assert instances(mended, "odd_only") == {0: ("success", 1), 1: ("skipped", 1)}
    assert instances(mended, "strict") == {-1: ("skipped", 0)}
    assert instances(mended, "lenient") == {-1: ("success", 1)}
