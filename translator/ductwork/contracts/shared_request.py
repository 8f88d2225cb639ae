"""What the requests of a machine's workers have in common: the variable ``$job``, which its first state assigns.

A request that has it is one expression, which merges into it what is the job's own. Queue, job definition and tags are
either all in ``$job``, or all in a request of another kind, which is an object. So who asks what jobs a machine submits
need not read expressions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from ductwork.contracts.json_types import JsonObject

VARIABLE = "job"
# Iterations that are executions of their own have it under another name: no scope may use one of an enclosing one.
IN_ITERATIONS = "dagjob"
_MERGES = re.compile(rf"\{{% \$merge\(\[\$({VARIABLE}|{IN_ITERATIONS}),")


def of_machine(definition: JsonObject) -> JsonObject:
    """What a machine's first state assigns; empty if its requests have nothing in common."""
    states = cast("Mapping[str, JsonObject]", definition.get("States", {}))
    first = states.get(str(definition.get("StartAt")), {})
    return cast(JsonObject, cast(JsonObject, first.get("Assign", {})).get(VARIABLE, {}))


def members(arguments: object, shared: JsonObject) -> JsonObject:
    """What is certain of a request: its queue, its job definition and its tags.

    :param arguments: of a state that submits a job
    :param shared: what :func:`of_machine` says of its machine
    :raises ValueError: it is an expression of another kind
    """
    if isinstance(arguments, Mapping):
        return cast(JsonObject, arguments)
    if not is_merged(arguments):
        raise ValueError(f"the back ends write no such request: {arguments}")
    return shared


def is_merged(arguments: object) -> bool:
    """Whether the Arguments of a state are a request merged into ``$job``."""
    return isinstance(arguments, str) and _MERGES.match(arguments) is not None
