"""How often a sensor may give its container up.

In a state machine each time takes some of the execution's history, which AWS ends at 25,000 events, and with it the
run. So there is a share of these for all sensors of a run together (``contracts.stepfunctions_limits``): 1,000 times.
Whoever has had its part goes on in its container.
"""

from __future__ import annotations

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.stepfunctions_limits import (
    EVENTS_OF_A_RESCHEDULE,
    INLINE_AT_ONCE,
    MAX_EVENTS,
    SHARE_OF_RESCHEDULES,
)
from ductwork.contracts.task_facts import Facts

_IN_ALL = int(MAX_EVENTS * SHARE_OF_RESCHEDULES) // EVENTS_OF_A_RESCHEDULE


def most_reschedules(tasks: Facts, map_index: int) -> int:
    """How often one task instance may do so in a run.

    :param tasks: of the run
    :param map_index: the instance's; so many of a mapped task share an execution's history, more have their own
    """
    sensors = sum(bool(facts.get("reschedules")) for facts in tasks.values())
    instances = 1 if map_index == UNMAPPED else INLINE_AT_ONCE
    return max(_IN_ALL // max(sensors, 1) // instances, 1)
