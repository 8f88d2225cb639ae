"""``fail_fast`` beside tasks that are running, which ``dag.test()``, one task at a time, never has.

What Airflow does then is read from ``_stop_remaining_tasks`` (airflow.models.taskinstance): what is running is failed,
what waits is skipped, a teardown runs. What comes one after another is in ``semantics/fail_fast.py``.
"""

from datetime import datetime
from pathlib import Path

import pytest

DAGS = Path(__file__).parents[1] / "functional" / "dags" / "failing_fast.py"
TARGETS = ("stepfunctions", "batch", "stepfunctions:batch")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def found(gather):
    return {target: runs["failing_fast"] for target, runs in gather([DAGS], targets=TARGETS, airflow=False).items()}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("dag_id", "failing"), [("fast_breaks", "breaks"), ("fast_dies", "dies")])
def test_what_runs_is_failed_and_what_waits_is_skipped(found, target, dag_id, failing):
    run = found[target][dag_id]
    ends = {name.removesuffix("[-1]"): (task["state"], task["try_number"]) for name, task in run["tasks"].items()}
    assert ends == {
        "opened": ("success", 1),
        failing: ("failed", 1),
        "slow": ("failed", 1),
        "below": ("skipped", 0),
        "end": ("skipped", 0),
        "closed": ("success", 1),
    }
    # By Airflow's leaf rule: nothing that failed is a leaf.
    assert run["state"] == "success"
    slow = run["tasks"]["slow[-1]"]
    assert "fail_fast" in slow["error"]
    began, ended = (datetime.fromisoformat(slow[name].replace("Z", "+00:00")) for name in ("started_at", "ended_at"))
    assert (ended - began).total_seconds() < 100
