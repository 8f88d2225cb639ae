"""A task instance's item in the ledger, and what belongs to it: XComs, what a mapped task expanded to.

State machines, workers and mirrors write them; a write never takes a task instance backwards (:mod:`.ledger`).
"""

from __future__ import annotations

from typing import Final, TypedDict

from ductwork.contracts.ledger import TERMINAL_STATES
from ductwork.contracts.task_facts import TaskFacts

CALLBACKS_DUE: Final = "callbacks_due"

# States in which the number of a task instance's try is that of one that has not begun.
ANNOUNCED = frozenset({"scheduled", "queued"})


class TakenOver(TypedDict, total=False):
    """That a mirror task has taken an outcome over: which one, and how many retries Airflow gave the task then."""

    ended_at: str | None
    max_tries: int


class TaskItem(TypedDict, total=False):
    """Everything may be missing. Dates are ISO 8601 in UTC.

    :ivar outcome: the state, once it is terminal
    :ivar max_tries: how many retries, where it is another number than the task's: after a restart
    :ivar base_try: how many tries there were before a restart
    :ivar restarted: the number of the restart that has reset it
    :ivar stopped: it was skipped because the run was stopped; a restart runs it
    :ivar skipped: the tasks that it has decided to skip
    :ivar until: when it is to be started again
    :ivar retry_delay: seconds, as a retry policy has decided
    :ivar trigger: JSON text, of a deferred task; ``next_method``: how it goes on
    :ivar rendered_fields: JSON text
    :ivar callbacks_due: its callbacks are still to be called
    :ivar expires_at: seconds since the epoch
    """

    pk: str
    sk: str
    task_id: str
    map_index: int
    state: str
    outcome: str
    rank: int
    try_number: int
    max_tries: int
    base_try: int
    restarted: int
    started_at: str
    ended_at: str
    updated_at: str
    heartbeat_at: str
    expires_at: int
    execution_arn: str
    job_id: str
    job_attempt: int
    log_stream: str
    hostname: str
    pid: int
    error: str
    stopped: bool
    skipped: list[str]
    until: str
    retry_delay: float
    reschedule_count: int
    first_started_at: str
    trigger: str
    trigger_timeout: str
    next_method: str
    rendered_fields: str
    rendered_map_index: str
    callbacks_due: str
    asset_events_due: str
    mirrored: TakenOver


class ArrayJobs(TypedDict):
    """What Batch said last of a mapped task's array jobs in flight: their ids, and their children by Batch's state."""

    ids: list[str]
    states: dict[str, int]


class MapItem(TypedDict, total=False):
    """What a mapped task expanded to.

    :ivar size: the number of its instances, those that have not begun included
    """

    pk: str
    sk: str
    size: int
    job: ArrayJobs
    updated_at: str
    expires_at: int


class _XComKeys(TypedDict, total=False):
    pk: str
    sk: str
    task_id: str
    key: str
    map_index: int
    mapped_length: int
    updated_at: str
    expires_at: int


class XComItem(_XComKeys, total=False):
    """An XCom as the ledger keeps it.

    :ivar value: JSON text
    :ivar mapped_length: the number of items, of a value that a task is expanded over
    """

    value: str


class XCom(_XComKeys, total=False):
    """An XCom with the value that its JSON stands for."""

    value: object


def ended(item: TaskItem | None) -> bool:
    """Whether a task instance has ended; None: it has not begun."""
    return item is not None and item.get("state") in TERMINAL_STATES


def state_of(item: TaskItem | None) -> str | None:
    return None if item is None else item.get("state")


def tried(item: TaskItem | None) -> int:
    """The number of the newest try, begun or announced; 0 before the first."""
    return int((item or {}).get("try_number", 0))


def begun_tries(item: TaskItem | None) -> int:
    """How many tries have begun: an announced one has not."""
    return max(tried(item) - 1, 0) if state_of(item) in ANNOUNCED else tried(item)


def max_tries(item: TaskItem | None, facts: TaskFacts) -> int:
    """How many retries a task instance has. Its own number goes first: a restart raises it, as Airflow's Clear does."""
    return int((item or {}).get("max_tries", facts.get("max_tries", 0)))
