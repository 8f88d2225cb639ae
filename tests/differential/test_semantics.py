"""Trigger rules, branches, skips, setups, sensors, crossing graphs: equal to Airflow on both targets.

The cases stand in ``semantics/``. The table of rules (see ``rule_table``), 634 tasks, is one of the long checks; the same
rules are held against Airflow's in every run by the random DAGs, and against each other by ``test_trigger_rules``.

Small inputs that failed in use, and what holds each against Airflow (without a file: one of ``semantics/``):

================================================================  ==========================================================
what it is about                                                  where
================================================================  ==========================================================
mapping over skipped and failed producers: rules, zips, concats   ``mapped_over_skipped``, ``group_over_skipped``
mapping over a mapping of which nothing ran                       ``mapped_over_mapped``
a skipped producer as argument, as one of two, beside a mapping   ``arguments_of_skipped``, ``expanded_beside_skipped``
mapping over None; what a group with skipped instances returns    ``expanded_over_filtered``, ``group_collected``
a branch past a producer                                          ``branch_past_a_producer``
start and end dates of tasks, by default_args, of the DAG         ``windows.py``
run_if and skip_if                                                ``run_if_and_skip_if``
short circuits above mapped tasks                                 ``short_circuit_above_mapped``, ``…_far_above_mapped``
ways to leave a task; retries=-1; reschedules by hand             ``ways_to_leave``, ``retries_below_zero``, ``later``
a property that looks up what its argument names                  ``computed_arguments`` (``dags/context.py``)
delays of retry policies                                          ``delays.py`` (``test_timing``)
forks in forks, more than Parallels may nest                      ``spine``, ``deep.py`` (long)
================================================================  ==========================================================
"""

import re
from pathlib import Path

import pytest
import rule_table
from dag_source import write
from records import differences
from scheduling_model import depends_on_order
from scheduling_rules import RULES

SEMANTICS = Path(__file__).parent / "semantics"
# The first test waits until every DAG has run twice.
pytestmark = pytest.mark.timeout(1800)

TABLE = {dag.name: dag for dag in rule_table.dags()}
# Files of the long checks; the random DAGs meet most of what is in them in every run.
# Expanded over what a task returns: a chain cannot count it.
COUNTED = {
    *("mapped_over_xcoms", "mapped_over_nothing", "mapped_below_failure"),
    *("group_simple", "group_failures", "group_empty", "group_below_failure"),
    *("group_setups", "group_bad_setup", "group_between", "mapped_between", "mapped_setup"),
    *("mapped_setup_and_teardown", "each_some_bad", "each_of_nothing"),
    *("window_producer_gone", "window_producer_blocked", "window_group_over_xcom"),
    *("mapped_over_skipped", "mapped_over_mapped", "group_over_skipped", "group_below_outside"),
    *("short_circuit_above_mapped", "expanded_beside_skipped", "expanded_over_filtered"),
    "branch_past_a_producer",
}
LONG = {
    "conditions",
    "crossing",
    "deep",
    "mapped_setups",
    "one_by_one",
    "overtaking",
    "run_states",
    "sensors",
    "skipping_on",
}


def _cases(*, long):
    """DAG id -> its file."""
    files = [file for file in sorted(SEMANTICS.glob("*.py")) if (file.stem in LONG) == long]
    found = {
        name: file for file in files for name in re.findall(r'^(?:with DAG|scope)\("(\w+)"', file.read_text(), re.M)
    }
    return found | {f"mapped_{name}": SEMANTICS / "mapping.py" for name in MAPPED_ENDS if not long}


MAPPED_ENDS = ("good", "bad", "void", "some_bad", "some_void", "worst")
CASES, LONG_CASES = _cases(long=False), _cases(long=True)


TARGETS = ("stepfunctions", "batch")
# Cut into several machines in every run; all of them are with --long.
CUT = ("branch_nested", "setups_nested", "mapped_crossing", "group_failures")
# A single task, or a mapped task or group, is most of it.
WHOLE = {"array_branch_in_group", "group_literal", "teardown_alone"}
# What a job chain cannot say, and the code that says so.
REFUSED = {
    "skip_after_success": "DW302",
    "short_circuit_after_success": "DW302",
    **dict.fromkeys(sorted(COUNTED), "DW304"),
}


def _pairs(cases):
    """``(DAG id, target)`` for all that is run."""
    return [(name, target) for name in cases for target in TARGETS if target != "batch" or name not in REFUSED]


def _run(gather, files):
    """Everything that ran: ``{"airflow": {dag_id: record}, "stepfunctions": …, "batch": …}``."""
    found = gather(files, targets=TARGETS, DUCTWORK_TEST_DYNALITE="stepfunctions")
    refused = {name: run["diagnostics"] for name, run in found["stepfunctions"].items() if "diagnostics" in run}
    assert not refused, refused
    chains = [finding for run in found["batch"].values() for finding in run.pop("diagnostics", ())]
    codes = {(finding["dag_id"], finding["code"]) for finding in chains if finding["severity"] == "error"}
    assert codes == {(name, code) for name, code in REFUSED.items() if name in _ids(found["airflow"])}
    return {side: {name: run for runs in files.values() for name, run in runs.items()} for side, files in found.items()}


def _ids(files):
    return {name for runs in files.values() for name in runs}


@pytest.fixture(scope="session")
def semantics(gather):
    return _run(gather, sorted(set(CASES.values())))


@pytest.fixture(scope="session")
def long_semantics(gather):
    return _run(gather, sorted(set(LONG_CASES.values())))


@pytest.fixture(scope="session")
def table(gather, tmp_path_factory):
    return _run(gather, write(tmp_path_factory.mktemp("table"), TABLE.values(), per_file=1))


def _cut(gather, files, only=()):
    """``{dag_id: record}`` of the DAGs as several machines."""
    (found,) = gather(files, targets=("several",), airflow=False, DUCTWORK_ONLY=" ".join(only)).values()
    return {name: run for runs in found.values() for name, run in runs.items()}


@pytest.fixture(scope="session")
def several(gather, semantics, request):
    """In every run a few, for each task is a process."""
    if request.config.getoption("--long"):
        return _cut(gather, sorted(set(CASES.values())))
    return _cut(gather, sorted({CASES[name] for name in CUT}), CUT)


@pytest.fixture(scope="session")
def long_several(gather, long_semantics):
    return _cut(gather, sorted(set(LONG_CASES.values())))


def check(found, name, target):
    different = differences(found["airflow"][name], found[target][name])
    assert not different, f"\n{name}\n{different}"


@pytest.mark.parametrize(("name", "target"), _pairs(CASES))
def test_equal_to_airflow(semantics, name, target):
    check(semantics, name, target)


def test_no_case_is_left_out(semantics):
    assert semantics["airflow"].keys() == semantics["stepfunctions"].keys() == CASES.keys()
    assert semantics["batch"].keys() == CASES.keys() - REFUSED.keys()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in CUT else pytest.mark.long) for name in CASES if name not in WHOLE]
)
def test_several_machines_are_equal_to_airflow(semantics, several, name):
    different = differences(semantics["airflow"][name], several[name])
    assert not different, f"\n{name}\n{different}"
    assert several[name]["machines"] > 1


@pytest.mark.long
@pytest.mark.parametrize("name", LONG_CASES)
def test_further_cases_as_several_machines(long_semantics, long_several, name):
    different = differences(long_semantics["airflow"][name], long_several[name])
    assert not different, f"\n{name}\n{different}"


@pytest.mark.long
@pytest.mark.parametrize(("name", "target"), _pairs(LONG_CASES))
def test_further_cases_are_equal_to_airflow(long_semantics, name, target):
    check(long_semantics, name, target)


@pytest.mark.long
def test_no_further_case_is_left_out(long_semantics):
    assert long_semantics["airflow"].keys() == long_semantics["stepfunctions"].keys() == LONG_CASES.keys()
    assert long_semantics["batch"].keys() == LONG_CASES.keys() - REFUSED.keys()


@pytest.mark.long
@pytest.mark.parametrize(("name", "target"), _pairs(TABLE))
def test_every_rule_with_every_mixture_is_equal_to_airflow(table, name, target):
    check(table, name, target)


@pytest.mark.long
def test_the_upstream_tasks_of_the_table_end_as_their_names_say(table):
    """Else the table would compare other mixtures than it lists."""
    for name in TABLE:
        states = {task[:-4]: record["state"] for task, record in table["airflow"][name]["tasks"].items()}
        sources = {task: re.fullmatch(r"(success|failed|skipped|upstream_failed)\d", task) for task in states}
        assert {task: states[task] for task, found in sources.items() if found} == {
            task: found[1] for task, found in sources.items() if found
        }


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_events_decides_nothing_in_the_table(rule):
    assert not depends_on_order(rule_table.rule_dag(rule))


@pytest.mark.long
@pytest.mark.parametrize("late", ["failing", "skipping"])
def test_the_order_of_events_decides_where_it_is_forced(table, late):
    expected = {"failing": "skipped", "skipping": "upstream_failed"}[late]
    tasks = table["airflow"][f"order_{late}_late"]["tasks"]
    assert {record["state"] for name, record in tasks.items() if name.startswith("over_")} == {expected}
