"""No task waits for anything but its own rule: a slow task beside it, in a graph that crosses, does not hold it up. And no
further try waits longer, or less, than under Airflow.
"""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.models.taskinstance import TaskInstance
from dag_source import source, write
from oracle import LOGICAL_DATE
from scheduling_model import Dag, Node
from timing import Span, decided, spans

SLOW = 20.0
# Well above what starting a job takes on a busy machine, well below what waiting for the slow task would add.
TOLERANCE = 12.0

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


def airflows_delay(task_id, delay, factor, number):
    """What Airflow's scheduler makes of a task's names and settings; seconds."""
    settings = SimpleNamespace(
        retry_delay=timedelta(seconds=delay), retry_exponential_backoff=factor, max_retry_delay=None
    )
    names = {"dag_id": "delays", "task_id": task_id, "logical_date": LOGICAL_DATE, "try_number": number}
    instance = SimpleNamespace(task=settings, retry_delay_override=None, end_date=LOGICAL_DATE, **names)
    return (TaskInstance.next_retry_datetime(instance) - LOGICAL_DATE).total_seconds()


DELAYS = Path(__file__).parent / "delays.py"


@pytest.fixture(scope="session")
def tries(tmp_path_factory):
    """The folder in which the tries of ``delays.py`` leave their moments."""
    return tmp_path_factory.mktemp("tries")


@pytest.fixture(scope="session")
def ran(gather, tries, tmp_path_factory):
    files = [*write(tmp_path_factory.mktemp("timing"), DAGS), DELAYS]
    settings = {"DUCTWORK_JOBS_AT_ONCE": "20", "DUCTWORK_RUNS_AT_ONCE": "4", "TRIES": str(tries)}
    found = gather(files, targets=("stepfunctions",), airflow=False, **settings)
    return {name: run for runs in found["stepfunctions"].values() for name, run in runs.items()}


@pytest.mark.parametrize("dag", DAGS, ids=lambda dag: dag.name)
def test_no_task_waits_for_another_than_its_rule_says(ran, dag):
    found = spans(ran[dag.name])
    moments = decided(dag, found)
    waited = {name: span.start - moments[name][0] for name, span in found.items()}
    assert waited.keys() == dag.by_name.keys()
    late = {name: seconds for name, seconds in waited.items() if not -0.5 < seconds < TOLERANCE}
    assert not late, f"seconds from the decision to the start: {waited}\n{source([dag])}"


# Task -> seconds before each further try.
WAITS = {
    "sooner": [2],
    "later": [12],
    "growing": [airflows_delay("growing", 2, 3, number) for number in (1, 2)],
    "bounded": [4],
    "in_map": [2],
    "in_array": [12],
}


@pytest.mark.parametrize("task_id", WAITS)
def test_the_next_try_waits_as_long_as_under_airflow(ran, tries, task_id):
    assert ran["delays"]["state"] == "success", ran["delays"]
    moments = defaultdict(list)
    for line in (tries / task_id).read_text().splitlines():
        _, index, moment = line.split()
        moments[index].append(float(moment))
    for started in moments.values():
        waited = [after - before for before, after in pairwise(started)]
        assert len(waited) == len(WAITS[task_id])
        late = [seconds - wanted for seconds, wanted in zip(waited, WAITS[task_id], strict=True)]
        # A try ends some moments after it has begun.
        assert all(0 <= each < TOLERANCE for each in late), (waited, WAITS[task_id])


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
