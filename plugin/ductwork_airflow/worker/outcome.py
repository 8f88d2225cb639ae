"""How a task instance ended, as the worker reports it."""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow.ledger import Item

# Not a state of Airflow's: another worker has taken over this task instance, so there is nothing to report.
SUPERSEDED = "superseded"

REPORTABLE = TERMINAL_STATES | {"up_for_retry", "up_for_reschedule"}


@dataclass(frozen=True)
class Outcome:
    """
    :param error: what went wrong, for people
    :param skip: the downstream tasks that a branch skips
    :param until: when to start a rescheduled task again, ISO 8601
    """

    state: str
    error: str | None = None
    skip: tuple[str, ...] = ()
    until: str | None = None

    @classmethod
    def of(cls, item: Item) -> Outcome:
        return cls(
            state=item["state"],
            error=item.get("error"),
            skip=tuple(item.get("skipped") or ()),
            until=item.get("until"),
        )
