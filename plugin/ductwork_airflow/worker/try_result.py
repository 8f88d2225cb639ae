"""What a try came to, as the worker reports it: an outcome, or that the task instance goes on later or elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.contracts.ledger import TERMINAL_STATES
from ductwork.contracts.task_item import TaskItem

# Not a state of Airflow's: another worker has taken over this task instance, so there is nothing to report.
SUPERSEDED = "superseded"

REPORTABLE = TERMINAL_STATES | {"up_for_retry", "up_for_reschedule"}


@dataclass(frozen=True)
class TryResult:
    """How a try has ended, as it is reported.

    :param state: one of :data:`REPORTABLE`, :data:`SUPERSEDED`, or ``no_status`` of one that waits in vain
    :param error: what went wrong, for people
    :param skip: the downstream tasks that a branch skips
    :param until: when to start a rescheduled task again, or a task's next try; ISO 8601. None for a next try: the
        state machine knows how long to wait
    """

    state: str
    error: str | None = None
    skip: tuple[str, ...] = ()
    until: str | None = None

    @classmethod
    def of(cls, item: TaskItem) -> TryResult:
        """As a task instance's item has it."""
        return cls(
            state=item["state"],
            error=item.get("error"),
            skip=tuple(item.get("skipped") or ()),
            until=item.get("until"),
        )
