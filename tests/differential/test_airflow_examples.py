"""Airflow's own example DAGs, as Airflow ships them: equal to Airflow on both targets.

What is not run is listed in ``airflow_examples`` with the reason; it compiles, or is refused by the diagnostics listed.
"""

from __future__ import annotations

from collections import defaultdict

import pytest
from airflow_examples import DEVIATING, FILES, NOT_RUN, QUICK, REFUSED, REFUSED_BY_CHAINS, RUN, VARYING
from asl_check import assert_sound
from compiling import codes, compile_files
from records import differences

# The first test waits until every DAG has run three times.
pytestmark = pytest.mark.timeout(3600)
TARGETS = ("stepfunctions", "batch")
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


@pytest.mark.parametrize("name", sorted(FILES.keys() - REFUSED.keys()))
def test_it_compiles_to_a_chain_or_is_refused_for_what_none_can_say(name):
    compiled = compile_files(FILES[name], target="batch")
    expected = {
        dag.dag_id: REFUSED_BY_CHAINS[dag.dag_id][0] for dag in compiled.workflows if dag.dag_id in REFUSED_BY_CHAINS
    }
    assert refusals(finding.as_json() for finding in compiled.diagnostics) == expected
    assert {artefact.dag_id for artefact in compiled.artefacts} == {
        dag.dag_id for dag in compiled.workflows if dag.dag_id not in expected
    }


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("target", TARGETS)
def test_it_is_refused(name, target):
    compiled = compile_files(FILES[name], target=target)
    assert set(codes(finding for finding in compiled.diagnostics if finding.severity == "error")) == REFUSED[name][0]


@pytest.fixture(scope="session")
def quick(gather):
    return gather([FILES[name] for name in QUICK], targets=TARGETS)


@pytest.fixture(scope="session")
def others(gather):
    """One side after the other: some examples use files of fixed names."""
    files = [FILES[name] for name in RUN if name not in QUICK]
    found = defaultdict(dict)
    for first in range(0, len(files), TOGETHER):
        some = files[first : first + TOGETHER]
        found["airflow"] |= gather(some, targets=())["airflow"]
        for target in TARGETS:
            found[target] |= gather(some, targets=(target,), airflow=False)[target]
    return found


def check(found, name, target):
    expected, ours = found["airflow"][name], dict(found[target][name])
    refused = refusals(ours.pop("diagnostics", ()))
    assert refused.keys() <= (REFUSED_BY_CHAINS.keys() if target == "batch" else set()), refused
    assert ours.keys() == expected.keys() - refused.keys()
    for dag_id, record in ours.items():
        assert expected[dag_id]["state"] in {"success", "failed"}, expected[dag_id]["error"]
        same = {
            task: {"return_value": None} for task in record["tasks"] if task.partition("[")[0] in VARYING.get(name, ())
        }
        different = differences(*(with_values(side, same) for side in (expected[dag_id], record)))
        if dag_id in DEVIATING:
            assert different, f"{dag_id} is equal to Airflow now: strike it off the list"
        else:
            assert not different, f"\n{dag_id}\n{different}"


def refusals(findings):
    """The codes of errors by DAG id."""
    found = defaultdict(set)
    for finding in findings:
        if finding["severity"] == "error":
            found[finding["dag_id"]].add(finding["code"])
    return found


def with_values(record, values):
    return {**record, "tasks": {task: {**found, **values.get(task, {})} for task, found in record["tasks"].items()}}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", QUICK)
def test_equal_to_airflow(quick, name, target):
    check(quick, name, target)


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", [name for name in RUN if name not in QUICK])
def test_the_others_are_equal_to_airflow(others, name, target):
    check(others, name, target)
