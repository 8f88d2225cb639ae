"""Tasks that start runs of other DAGs, which are the same ledger's."""

from pathlib import Path

DAGS = Path(__file__).parent / "dags"
DATE = "2026-03-04"


def test_a_task_starts_runs_of_another_dag(ductwork):
    """All ways at once, and the runs that nobody waits for go on to their ends."""
    run = ("run", DAGS / "starting.py", "--dag-id", "starting", "--local", "--json", "--logical-date", DATE)
    done = ductwork(*run, "--jobs", "4")
    found = {task["task_id"]: task for task in done.json["tasks"]}
    states = {name: task["state"] for name, task in found.items()}
    assert states == {
        "fixed": "success",
        "again": "failed",
        "skips": "skipped",
        "told": "success",
        "waits": "success",
        "sees": "success",
        "fails": "failed",
        "takes": "success",
        "unknown": "failed",
        "resets": "success",
        "last": "success",
    }, done.err
    assert found["told"]["return_value"] == "fixed"
    assert "Dag Run already exists, marking task as failed." in done.err
    assert "started failed with failed states" in done.err
    assert "there is no state machine nobody; deploy the DAG" in done.err
    runs = ductwork("runs", "--local", "started", "--json").json["runs"]
    by_id = {run["run_id"]: run for run in runs}
    assert sorted(run["state"] for run in runs) == ["failed", "failed", "success", "success", "success"]
    assert by_id["last"]["state"] == "success"
    assert any(run["logical_date"].startswith(DATE) for run in runs)
    assert {run["run_type"] for run in runs} == {"operator_triggered"}
    (task,) = ductwork("status", "--local", "started", "fixed", "--json").json["tasks"]
    assert task["try_number"] == 2, "it was cleared once"
    assert task["return_value"] == {"n": "1764437493415123", "big": 1764437493415123, "half": 0.1}
