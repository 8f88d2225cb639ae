"""How often the sensors of a machine may poke: AWS lets an execution's history have so many events, and no more.

A sensor pokes at its own interval as long as the pokes of all its time fit into its share. Where they do not, the pause
becomes a part of the time waited, once that is longer than the interval, so that the number of pokes grows with the
logarithm of the time only.
"""

from __future__ import annotations

import math

from ductwork.contracts.stepfunctions_limits import EVENTS_OF_A_POKE, MAX_EVENTS, MAX_WAIT_SECONDS, SHARE_OF_POKES
from ductwork.ir import AwsSensor, Task, Workflow


def has_sensors(workflow: Workflow) -> bool:
    """Whether a machine leaves events to sensors."""
    return any(task.work.pokes for task in workflow.tasks)


def part_of_the_wait(workflow: Workflow, task: Task, work: AwsSensor) -> int | None:
    """The part of the time waited that a pause is at the least: one in so many; None: the interval holds throughout."""
    sensors = sum(other.work.pokes for other in workflow.tasks)
    in_a_poke = 1 + len(work.further)
    share = int(MAX_EVENTS * SHARE_OF_POKES) // (EVENTS_OF_A_POKE * in_a_poke * sensors)
    whole = min(work.limit, MAX_WAIT_SECONDS) * (1 + task.retry.retries)
    interval = max(1.0, work.interval)
    if work.backoff is not None:
        # It doubles until it is as long as this.
        interval = max(interval, min(work.backoff.longest or whole, whole))
    if whole / interval + 1 <= share:
        return None
    part = share
    while part > 1 and pokes(part, interval, whole) > share:
        part -= 1
    return part


def pokes(part: int, interval: float, whole: float) -> float:
    """How often a sensor pokes.

    :param part: the pause is at least one in so many parts of the time waited
    :param whole: seconds that it waits
    """
    steady = min(whole, part * interval)
    return 1 + steady / interval + math.log(whole / steady) / math.log(1 + 1 / part)
