"""Which try a worker runs, from what the ledger says when it starts."""

from __future__ import annotations

from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow.ledger import Item


def next_try(item: Item | None, job_id: str | None, job_attempt: int | None) -> int | None:
    """The number of the try to run; None if the task instance has ended, so that only its outcome is due again.

    ====================================  =====================================================
    the ledger says                       the worker runs
    ====================================  =====================================================
    nothing                               try 1
    scheduled, queued, up_for_reschedule  that try
    up_for_retry                          the next one
    running, deferred                     the next one: the worker that reported it has died,
                                          unless that was this very attempt of this very job
    ====================================  =====================================================
    """
    if item is None or "state" not in item:
        return 1
    state, tried = item["state"], int(item.get("try_number", 0))
    if state in TERMINAL_STATES:
        return None
    same_worker = (item.get("job_id"), item.get("job_attempt")) == (job_id, job_attempt)
    if state == "up_for_retry" or (state in {"running", "deferred"} and not same_worker):
        return tried + 1
    return max(tried, 1)
