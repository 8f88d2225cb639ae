"""No task waits for anything but its own rule: a slow task beside it, in a graph that crosses, does not hold it up."""

import pytest
from dag_source import source, write
from scheduling_model import Dag, Node
from timing import Span, decided, spans

SLOW = 10.0
# Well above what starting a job takes on a busy machine, well below what waiting for the slow task would add.
TOLERANCE = 6.0

pytestmark = pytest.mark.timeout(900)

DAGS = [
    Dag(
        "n_shape",
        (
            Node("a"),
            Node("slow", seconds=SLOW),
            Node("below_a", upstream=("a",)),
            Node("below_both", upstream=("a", "slow")),
            Node("last", upstream=("below_a",)),
        ),
    ),
    Dag(
        "ladder",
        (
            Node("left0"),
            Node("right0", seconds=SLOW),
            Node("left1", upstream=("left0",)),
            Node("right1", upstream=("left0", "right0")),
            Node("left2", upstream=("left1",)),
            Node("right2", upstream=("left1", "right1")),
        ),
    ),
    Dag(
        "early",
        (
            Node("fast"),
            Node("broken", script=("fail",)),
            Node("slow", seconds=SLOW),
            Node("on_success", upstream=("fast", "slow"), rule="one_success"),
            Node("on_failure", upstream=("broken", "slow"), rule="one_failed"),
            Node("on_done", upstream=("broken", "slow"), rule="one_done"),
            Node("always", upstream=("slow",), rule="always"),
            Node("below_success", upstream=("on_success",)),
            Node("below_two", upstream=("on_success", "on_failure")),
        ),
    ),
]


@pytest.fixture(scope="session")
def ran(gather, tmp_path_factory):
    files = write(tmp_path_factory.mktemp("timing"), DAGS)
    found = gather(files, targets=("stepfunctions",), airflow=False, DUCTWORK_JOBS_AT_ONCE="20")
    return {name: spans(run) for runs in found["stepfunctions"].values() for name, run in runs.items()}


@pytest.mark.parametrize("dag", DAGS, ids=lambda dag: dag.name)
def test_no_task_waits_for_another_than_its_rule_says(ran, dag):
    moments = decided(dag, ran[dag.name])
    waited = {name: span.start - moments[name][0] for name, span in ran[dag.name].items()}
    assert waited.keys() == dag.by_name.keys()
    late = {name: seconds for name, seconds in waited.items() if not -0.5 < seconds < TOLERANCE}
    assert not late, f"seconds from the decision to the start: {waited}\n{source([dag])}"


def test_a_level_by_level_barrier_would_be_noticed():
    """Of the check itself: a task that starts when the level above it is over is late in it."""
    spans_of_barrier = {
        "a": Span(0.0, 0.3),
        "slow": Span(0.0, SLOW),
        "below_a": Span(SLOW, SLOW + 0.3),
        "below_both": Span(SLOW, SLOW + 0.3),
        "last": Span(SLOW + 0.3, SLOW + 0.6),
    }
    moments = decided(DAGS[0], spans_of_barrier)
    waited = {name: span.start - moments[name][0] for name, span in spans_of_barrier.items()}
    assert [name for name, seconds in waited.items() if seconds >= TOLERANCE] == ["below_a"]
