"""How long a failed try is waited for: to the second what Airflow's own scheduler waits."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.taskinstance import TaskInstance
from ductwork_airflow.worker.retry_delay import next_try_at
from hypothesis import given
from hypothesis import strategies as st

ENDED = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc)
DATE = datetime(2026, 2, 28, tzinfo=timezone.utc)
RUN = {"dag_id": "d", "run_id": "r", "logical_date": "2026-02-28T00:00:00+00:00"}


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"state": "up_for_retry", "try_number": number, "ended_at": "2026-03-01T12:00:00.250Z", **more}


@given(
    delay=st.sampled_from([0, 0.5, 1, 7, 300, 50_000]),
    factor=st.sampled_from([0, 2.0]),
    longest=st.none() | st.integers(1, 90_000),
    number=st.integers(1, 2000),
    dated=st.booleans(),
)
def test_it_is_airflows(delay: float, factor: float, longest: int | None, number: int, dated: bool) -> None:
    limit = None if longest is None or not factor else timedelta(seconds=longest)
    task = SimpleNamespace(
        retry_delay=timedelta(seconds=delay), retry_exponential_backoff=factor, max_retry_delay=limit
    )
    instance = SimpleNamespace(
        task=task,
        try_number=number,
        retry_delay_override=None,
        dag_id="d",
        task_id="t",
        logical_date=DATE if dated else None,
        end_date=ENDED,
        log=logging.getLogger(__name__),
    )
    facts = {"retry_delay": delay} | ({"retry_backoff": factor} if factor else {})
    facts |= {"max_retry_delay": limit.total_seconds()} if limit else {}
    run = RUN if dated else {**RUN, "logical_date": None}
    assert next_try_at(run, "t", facts, item(number)) == TaskInstance.next_retry_datetime(instance)


def test_a_retry_policy_goes_first() -> None:
    facts = {"retry_delay": 300, "retry_backoff": 2.0}
    assert next_try_at(RUN, "t", facts, item(1, retry_delay=2.5)) == ENDED + timedelta(seconds=2.5)
    assert next_try_at(RUN, "t", facts, item(1, retry_delay=0)) == ENDED


@pytest.mark.parametrize("state", ["running", "queued", "scheduled", "up_for_reschedule", "success"])
def test_only_a_retry_is_waited_for(state: str) -> None:
    assert next_try_at(RUN, "t", {"retry_delay": 300}, {**item(1), "state": state}) is None


def test_what_says_nothing_waits_for_nothing() -> None:
    assert next_try_at(RUN, "t", {}, item(1)) == ENDED
    assert next_try_at(RUN, "t", {"retry_delay": 9}, {}) is None
