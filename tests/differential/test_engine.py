"""Job chains that a state machine submits: equal to Airflow, though nobody looks at a run before its execution has ended."""

from pathlib import Path

import pytest
from records import differences

HERE = Path(__file__).parent
# The first test waits until every DAG has run twice.
pytestmark = pytest.mark.timeout(1800)

ENGINE = "stepfunctions:batch"
# Linear, fanned out, failing with and without something to run after it, skipping, torn down, ended early by Batch.
CASES = ("components", "empties", "failing_branch", "retrying", "skipping", "unhappy")
SEMANTICS = ("branching", "chain_arrays", "run_states", "setups", "skipping_on")
FILES = [HERE / "dags" / f"{name}.py" for name in CASES] + [HERE / "semantics" / f"{name}.py" for name in SEMANTICS]
QUICK = {"chain_arrays", "empties", "failing_branch", "unhappy"}
FURTHER = [file for file in FILES if file.stem not in QUICK]
EXECUTIONS = {"success": "SUCCEEDED", "failed": "FAILED"}


@pytest.fixture(scope="session")
def engine(gather, request):
    files = FILES if request.config.getoption("--long") else [file for file in FILES if file.stem in QUICK]
    found = gather(files, targets=(ENGINE,))
    return found["airflow"], found[ENGINE]


EVERY = pytest.mark.parametrize(
    "file", [pytest.param(file, id=file.stem, marks=[pytest.mark.long] * (file in FURTHER)) for file in FILES]
)


@EVERY
def test_equal_to_airflow(engine, file):
    airflow, ours = (side[file.stem] for side in engine)
    assert "diagnostics" not in ours, ours["diagnostics"]
    assert ours.keys() == airflow.keys()
    different = {name: found for name in airflow if (found := differences(airflow[name], ours[name]))}
    assert not different, "\n".join(f"\n{name}\n{found}" for name, found in different.items())


@EVERY
def test_the_execution_ends_as_the_run_and_writes_that(engine, file):
    airflow, ours = (side[file.stem] for side in engine)
    states = {name: record["state"] for name, record in airflow.items()}
    assert {name: record["execution"] for name, record in ours.items()} == {
        name: [EXECUTIONS[state], state] for name, state in states.items()
    }


def test_the_cases_end_in_both_ways(engine):
    assert {record["state"] for records in engine[0].values() for record in records.values()} == set(EXECUTIONS)
