"""What the run's item says of a task: the facts that run time needs of it.

The back ends write them, into a state machine's first state or into a job chain's manifest. Workers, mirrors, restarts,
submitters and reports read them. A fact is there only where it differs from the default: false, zero, nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypedDict, cast

from ductwork.ir import Retry, Task
from ductwork.semantics.trigger_rules import ABSENT, ALWAYS


class TaskFacts(TypedDict, total=False):
    """One task's. Its order is that of the members in a manifest.

    =====================  ==========================================================================================
    ``job``                chains: the name of its job; a task without one has nothing to run, and ends as its rule
                           says
    ``upstream``           the direct upstream tasks, which its trigger rule reads
    ``rule``               chains: the trigger rule, unless it is all_success
    ``setups``, ``scope``  chains: further tasks that it waits for; it runs only if all the setups succeeded
    ``setup``              chains: it is one
    ``teardown``           it is one; machines say so only where ``fail_fast`` asks
    ``fails_run``          chains: a teardown whose failure fails the run
    ``start_date``         the logical dates for which it has instances, in ISO 8601; ``end_date``. What all tasks share
                           is beside ``tasks``
    ``size``               chains: how many instances a mapped task has, which may be 0
    ``literal_size``       machines: the same, where the DAG file tells
    ``group``              the mapped task group it is in
    ``skippers``           chains: the tasks that may decide to skip it, which say so in ``skipped`` of their own items
    ``max_tries``          how many retries it has
    ``retry_delay``        seconds that a worker waits for before the next try, or tells the machine; likewise
                           ``max_retry_delay``, and ``retry_backoff``, a factor
    ``stops``              chains: its job fails if it is skipped
    ``quiet``              chains: its job ends well even if the task fails
    ``calls_back``         something is to be called when it fails
    ``native``             no worker runs it, so it keeps no record of its own
    ``push_job_id``        chains: its job's id is its XCom
    ``tells_delay``        machines: its worker says how long the next try waits
    ``hold_reschedules``   machines: its worker sits out a reschedule, for the machine has no loop through a Wait
    ``reschedules``        machines: its worker may give its container up, to be started again later
    ``instant``            machines: nothing is run, and nothing below asks how it ended
    ``absent``             made when it is read: the run has no instance of it (:mod:`.absent_tasks`)
    =====================  ==========================================================================================
    """

    job: str
    upstream: list[str]
    rule: str
    setups: list[str]
    scope: list[str]
    setup: bool
    teardown: bool
    fails_run: bool
    start_date: str
    end_date: str
    size: int
    literal_size: int
    group: str
    skippers: list[str]
    max_tries: int
    retry_delay: float
    retry_backoff: float
    max_retry_delay: float
    stops: bool
    quiet: bool
    calls_back: bool
    native: bool
    push_job_id: bool
    tells_delay: bool
    hold_reschedules: bool
    reschedules: bool
    instant: bool
    absent: bool


Facts = Mapping[str, TaskFacts]
"""By task id."""

# Of a task that the run's item does not know.
NO_FACTS: TaskFacts = {}
_PLACE = {name: place for place, name in enumerate(TaskFacts.__annotations__)}
_Above = Literal["upstream", "setups", "scope"]
_ABOVE: tuple[_Above, ...] = ("upstream", "setups", "scope")


def of_task(task: Task, further: TaskFacts) -> TaskFacts:
    """A task's facts: those that mean the same on every target, and what the back end says besides.

    :param further: what is false, zero or nothing is left out, but for a ``size`` of 0
    """
    facts: TaskFacts = {
        **further,
        "upstream": list(task.upstream),
        "start_date": task.window.start,
        "end_date": task.window.end,
        "group": task.mapped_group,
        "max_tries": task.retry.retries,
        "native": task.work.native_job is not None,
    }
    said = {name: value for name, value in facts.items() if value or name == "size"}
    return cast(TaskFacts, dict(sorted(said.items(), key=lambda each: _PLACE[each[0]])))


def delays(retry: Retry) -> TaskFacts:
    """How long a worker waits before the next try."""
    return {
        "retry_delay": retry.delay,
        "retry_backoff": retry.backoff,
        "max_retry_delay": retry.max_delay or 0.0,
    }


def all_above(facts: TaskFacts) -> tuple[str, ...]:
    """The tasks that a task has something to do with before it ends: upstream ones, setups, a teardown's scope."""
    return tuple(dict.fromkeys(up for name in _ABOVE for up in facts.get(name) or ()))


def above(facts: TaskFacts) -> tuple[str, ...]:
    """The tasks that have ended before a task is decided on."""
    return () if facts.get("rule") == ALWAYS else all_above(facts)


def above_by_kind(facts: TaskFacts) -> Iterator[tuple[_Above, tuple[str, ...]]]:
    """The same as :func:`all_above`, each kind by itself: its name, its tasks."""
    yield from ((name, tuple(facts.get(name) or ())) for name in _ABOVE)


def is_absent(facts: TaskFacts) -> bool:
    """Whether the run has no instance of the task."""
    return ABSENT in facts


def jobs(tasks: Facts) -> dict[str, str]:
    """The task that each job of a chain carries, by the job's name; joins carry none."""
    return {facts["job"]: task_id for task_id, facts in tasks.items() if "job" in facts}
