"""A job of a chain waits for more others than AWS Batch lets it depend on."""

from pathlib import Path

DAG = Path(__file__).parent / "dags" / "wide.py"


def test_a_job_below_22_others(ductwork):
    run = ductwork("run", DAG, "--local", "--json", "--target", "batch", "--run-id", "r")
    assert (run.code, run.json["state"]) == (0, "success"), run.err
    assert {(task["state"], task["try_number"]) for task in run.json["tasks"]} == {("success", 1)}
    assert ductwork("restart", "wide", "r", "--local", "--task", "many03").code == 0
    again = ductwork("status", "wide", "r", "--local", "--json").json
    tries = {task["task_id"]: task["try_number"] for task in again["tasks"]}
    assert {name for name, number in tries.items() if number == 2} == {"many03", "last"}
