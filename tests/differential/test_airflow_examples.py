"""Airflow's own example DAGs, as Airflow ships them: equal to Airflow on Step Functions.

What is not run is listed in ``airflow_examples`` with the reason; it compiles, or is refused by the diagnostic listed.
"""

from __future__ import annotations

import pytest
from airflow_examples import DEVIATING, FILES, NOT_RUN, QUICK, REFUSED, RUN, VARYING
from asl_check import assert_sound
from compiling import codes, compile_files
from records import differences

# The first test waits until every DAG has run twice.
pytestmark = pytest.mark.timeout(2400)
# Their DAGs make some hundred tasks; a process at a time shows sooner what hangs.
TOGETHER = 12


def test_what_is_not_run_exists():
    assert (NOT_RUN.keys() | REFUSED.keys() | VARYING.keys() | set(QUICK)) - FILES.keys() == set()


@pytest.mark.parametrize("name", sorted(FILES.keys() - REFUSED.keys()))
def test_it_compiles_to_a_sound_machine(name):
    compiled = compile_files(FILES[name])
    assert codes(finding for finding in compiled.diagnostics if finding.severity == "error") == []
    assert compiled.artefacts
    for artefact in compiled.artefacts:
        assert_sound(artefact.document)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    compiled = compile_files(FILES[name])
    assert set(codes(finding for finding in compiled.diagnostics if finding.severity == "error")) == REFUSED[name][0]


@pytest.fixture(scope="session")
def quick(gather):
    return gather([FILES[name] for name in QUICK], targets=("stepfunctions",))


@pytest.fixture(scope="session")
def others(gather):
    """One side after the other: some examples use files of fixed names."""
    files = [FILES[name] for name in RUN if name not in QUICK]
    found = {"airflow": {}, "stepfunctions": {}}
    for first in range(0, len(files), TOGETHER):
        some = files[first : first + TOGETHER]
        found["airflow"] |= gather(some, targets=())["airflow"]
        found["stepfunctions"] |= gather(some, targets=("stepfunctions",), airflow=False)["stepfunctions"]
    return found


def check(found, name):
    expected, ours = found["airflow"][name], found["stepfunctions"][name]
    assert "diagnostics" not in ours, ours
    assert ours.keys() == expected.keys()
    for dag_id, record in expected.items():
        assert record["state"] in {"success", "failed"}, record["error"]
        same = {
            task: {"return_value": None} for task in record["tasks"] if task.partition("[")[0] in VARYING.get(name, ())
        }
        different = differences(*(with_values(side, same) for side in (record, ours[dag_id])))
        if dag_id in DEVIATING:
            assert different, f"{dag_id} is equal to Airflow now: strike it off the list"
        else:
            assert not different, f"\n{dag_id}\n{different}"


def with_values(record, values):
    return {**record, "tasks": {task: {**found, **values.get(task, {})} for task, found in record["tasks"].items()}}


@pytest.mark.parametrize("name", QUICK)
def test_equal_to_airflow(quick, name):
    check(quick, name)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in RUN if name not in QUICK])
def test_the_others_are_equal_to_airflow(others, name):
    check(others, name)
