"""What a job that waits for a place says of its task instance."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork.contracts.task_item import CALLBACKS_DUE
from ductwork_airflow.mirror import batch_jobs

WAITS: Any = {"jobId": "j", "status": "RUNNABLE", "attempts": [{"stoppedAt": 1}]}
WORKER: Any = {"try_number": 1, "job_id": "j", "job_attempt": 1}


@pytest.mark.parametrize("item", [WORKER, {**WORKER, "job_id": "another"}])
@pytest.mark.parametrize("state", ["running", "deferred"])
def test_a_dead_worker_leaves_its_callbacks_to_the_one_that_comes(item: Any, state: str) -> None:
    """Queued for a second try, the task instance would not tell that worker of the first."""
    item = {**item, "state": state}
    number = batch_jobs.coming_try(item, WAITS)
    assert number == 2
    state, number, found = batch_jobs.waiting(item, WAITS, number)
    assert (state, number, found[CALLBACKS_DUE]) == ("up_for_retry", 1, "retry")
    assert found["ended_at"].endswith("Z")
    assert batch_jobs.coming_try({**item, **found, "state": state}, WAITS) is None


@pytest.mark.parametrize(
    ("item", "number"),
    [
        (None, 1),
        ({"state": "up_for_retry", **WORKER}, 2),
        ({"state": "scheduled", "try_number": 2}, 2),
        ({"state": "up_for_reschedule", **WORKER, "job_id": "another"}, 1),
        # No worker says of a native job that it runs, and none calls anything.
        ({"state": "running", "try_number": 1, "job_id": "another"}, 2),
    ],
)
def test_what_else_waits_is_queued(item: Any, number: int) -> None:
    assert batch_jobs.coming_try(item, WAITS) == number
    assert batch_jobs.waiting(item, WAITS, number) == ("queued", number, {"job_id": "j"})
