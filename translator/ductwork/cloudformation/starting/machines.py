"""Small state machines as resources, and what they work with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ductwork.cloudformation.intrinsics import Resource, Value, arn, att
from ductwork.cloudformation.statements import Statement, further_policies, role

Resources = dict[str, Resource]
# From so many DAGs on, policies do not name the machine of each execution.
_MOST_NAMED = 30


@dataclass(frozen=True)
class Places:
    """What the resources work with, each as text or as a call of an intrinsic function.

    :param machines: ARNs of state machines by the ids of their DAGs: what may be started
    :param ledger: the ledger's table; ``ledger_arn`` its ARN
    :param job_queue: where control jobs run; likewise ``job_definition``: whose role may do what ``ductwork restart``,
        ``skip`` and ``cancel`` do; ARNs
    """

    machines: Mapping[str, str]
    ledger: Value
    ledger_arn: Value
    job_queue: Value
    job_definition: Value

    def executions(self, *, with_parts: bool = False) -> tuple[Value, ...]:
        """The ARNs of all executions of the machines; policies have room for no more than some dozen.

        :param with_parts: and of their child machines, whose names begin with their own
        """
        if len(self.machines) > _MOST_NAMED:
            return (arn("states", "execution:*"),)
        named = [each.replace(":stateMachine:", ":execution:") for each in self.machines.values()]
        return tuple(f"{each}{end}" for each in named for end in ((":*", "-*") if with_parts else (":*",)))


def jsonata(code: str) -> str:
    """An expression as a state machine has it."""
    return f"{{% {' '.join(line.strip() for line in code.strip().splitlines())} %}}"


def quoted(text: str) -> str:
    """A text as JSONata has it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def machine(
    name: str,
    definition: Mapping[str, object],
    places: Mapping[str, Value],
    allowed: Sequence[Statement],
    *,
    express: bool,
) -> Resources:
    """A state machine as the logical id ``name``, with its role.

    :param places: what its ``${...}`` are filled with
    :param allowed: what its role is allowed
    """
    further = further_policies(f"{name}Role", allowed)
    properties = {
        "StateMachineType": "EXPRESS" if express else "STANDARD",
        "DefinitionString": json.dumps(definition, separators=(",", ":"), sort_keys=True),
        "DefinitionSubstitutions": dict(places),
        "RoleArn": att(f"{name}Role"),
    }
    made: dict[str, Value] = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    return {
        f"{name}Role": role("states.amazonaws.com", [arn("states", "stateMachine:*")], allowed),
        **further,
        name: {**made, "DependsOn": list(further)} if further else made,
    }
