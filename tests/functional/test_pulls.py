"""XComs in templates of native tasks, read from the ledger by the machine: what fits, what does not, what is not there."""

from pathlib import Path

DAG = Path(__file__).parent / "dags" / "pulls.py"


def test_what_a_machine_cannot_read_fails_the_task_that_reads_it(ductwork):
    done = ductwork("run", DAG, "--local", "--json")
    assert done.json is not None, done.err
    found = {task["task_id"]: task for task in done.json["tasks"]}
    assert {task_id: task["state"] for task_id, task in found.items()} == {
        "made": "success",
        "fits": "success",
        "large": "failed",
        "pair": "failed",
        "none": "success",
    }, done.err
    assert "the XCom large of made: it is too large" in done.err + done.out
    assert "the XCom return_value of made: an object that JSON does not have" in done.err + done.out
