"""Random DAGs: states, try numbers, return values and run states equal Airflow's, on both targets.

Whether a DAG's outcome depends on the order of events is decided on a model of Airflow's scheduling, which runs it with
each task as the first and the last to end, and in random orders; such DAGs are left out. The model itself is compared
with Airflow on every DAG that is kept.
"""

import pytest
from dag_source import source, write
from random_dags import random_dags
from records import differences
from scheduling_model import outcome

FEW, MANY, TOGETHER = 30, 300, 30
# The first test waits until every DAG has run twice.
pytestmark = pytest.mark.timeout(2400)


def run(gather, folder, first, number):
    """``{dag_id: (dag, Airflow's record, ours by target)}``; a job chain may refuse a DAG where a branch may end late, or
    something is expanded over what a task returns."""
    dags, left_out = random_dags(first, number)
    print(f"seeds {first} to {first + number - 1}: {left_out} DAGs left out, the order of events decides their outcome")
    found = gather(write(folder, dags), DUCTWORK_TEST_DYNALITE="stepfunctions")
    findings = [(side, each) for side in found for runs in found[side].values() for each in runs.pop("diagnostics", ())]
    errors = {(side, each["code"]) for side, each in findings if each["severity"] == "error"}
    assert errors <= {("batch", "DW302"), ("batch", "DW304")}, findings
    records = {side: {k: v for runs in files.values() for k, v in runs.items()} for side, files in found.items()}
    airflow = records.pop("airflow")
    assert records["stepfunctions"].keys() == airflow.keys()
    return {
        dag.name: (dag, airflow[dag.name], {side: ours[dag.name] for side, ours in records.items() if dag.name in ours})
        for dag in dags
    }


def report(dag, airflow, ours):
    """Empty if all sides are equal; else tables and the DAG file."""
    found = {target: differences(airflow, record) for target, record in ours.items()}
    tables = "".join(f"\n{dag.name} on {target}\n{table}\n" for target, table in found.items() if table)
    return tables and f"{tables}\n{source([dag])}"


@pytest.fixture(scope="session")
def few(gather, tmp_path_factory):
    return run(gather, tmp_path_factory.mktemp("random"), 0, FEW)


@pytest.mark.parametrize("seed", range(FEW))
def test_equal_to_airflow(few, seed):
    found = report(*few[f"random_{seed:04}"])
    assert not found, found


def test_the_model_tells_what_airflow_does(few):
    for dag, airflow, _ in few.values():
        tasks = {name: (task["state"], task["try_number"]) for name, task in airflow["tasks"].items()}
        assert (tasks, airflow["state"]) == outcome(dag), source([dag])


def test_the_random_dags_are_not_all_alike(few):
    states = [task["state"] for _, airflow, _ in few.values() for task in airflow["tasks"].values()]
    for state in ("success", "failed", "skipped", "upstream_failed"):
        assert states.count(state) >= len(states) / 50, state
    assert {airflow["state"] for _, airflow, _ in few.values()} == {"success", "failed"}
    assert sum("batch" in ours for _, _, ours in few.values()) > FEW / 3


@pytest.mark.long
@pytest.mark.parametrize("first", range(FEW, MANY, TOGETHER))
def test_many_equal_to_airflow(gather, tmp_path, first):
    runs = run(gather, tmp_path, first, TOGETHER)
    found = [text for text in (report(*one) for one in runs.values()) if text]
    assert not found, f"{len(found)} of {len(runs)} DAGs differ\n" + "\n".join(found)
