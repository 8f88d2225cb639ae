"""Which try a worker runs, from what the ledger says when it starts."""

from __future__ import annotations

from ductwork.contracts.task_item import TaskItem, ended, tried


def next_try(item: TaskItem, job_id: str | None, job_attempt: int | None) -> int | None:
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

    :param item: the task instance's; empty if there is none
    :param job_id: of this worker's Batch job, with ``job_attempt``; None outside Batch
    """
    if "state" not in item:
        return 1
    if ended(item):
        return None
    same_worker = (item.get("job_id"), item.get("job_attempt")) == (job_id, job_attempt)
    if item["state"] == "up_for_retry" or (item["state"] in {"running", "deferred"} and not same_worker):
        return tried(item) + 1
    return max(tried(item), 1)
