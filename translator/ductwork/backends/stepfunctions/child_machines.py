"""Child machines: parts of a layout that machines of their own carry out.

In the machine around it:

``part n: first task``  starts an execution of the child and waits for its end

In the child:

``Take run``            has from its input the run's variables, and the outcomes that its tasks read
``End of part n``       hands back the outcomes that are read later, and one for all tasks that only the end of the run
                        reads: whether one of them fails the run

A child that fails, times out or is stopped breaks the run, as a broken execution does: its error is nowhere caught.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions import kept_tasks, worker_requests
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Node, call, joined, merged
from ductwork.backends.stepfunctions.asl.scope import CONTEXT, EXECUTION, INPUT, RESULT, RUN
from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.run_states import leaf_rule
from ductwork.contracts import machine_bundle
from ductwork.contracts.ledger import json_text
from ductwork.contracts.names import state_name
from ductwork.contracts.stepfunctions_limits import EXECUTION_NAME_LIMIT
from ductwork.ir import Workflow
from ductwork.planning import layout
from ductwork.semantics.trigger_rules import OUTCOMES

# Characters of the hash of the execution's ARN that starts a child, and of a suffix with the hyphens around both.
_HASH, _SUFFIX = 16, 15
_OF_STARTER = EXECUTION_NAME_LIMIT - _HASH - _SUFFIX


# Of an outcome, with its colon and comma.
_ONE_END = max(len(json_text(end)) for end in OUTCOMES) + 2
_ALL_ENDS = len(json_text(sorted(OUTCOMES))) + 2


@dataclass(frozen=True)
class Deciding:
    """What the end of a run reads of some part: how the run ends.

    :param leaves: tasks whose outcomes decide the run's, and children that have such
    :param blocking: tasks that may wait in vain
    """

    leaves: tuple[str, ...]
    blocking: tuple[str, ...]

    @classmethod
    def of(cls, part: layout.Part, leaves: Collection[str], blocking: Collection[str]) -> Deciding:
        """Those in a part; a child stands for those in it.

        :param leaves: of the whole workflow, as is ``blocking``
        """
        own = layout.members(part)
        child = {task: inner.name for inner in layout.children(part) for task in layout.members(inner)}
        found = [child.get(task, task) for task in leaves if task in own]
        found += [child[task] for task in blocking if task in child]
        return cls(tuple(dict.fromkeys(found)), tuple(task for task in blocking if task in own and task not in child))

    @property
    def read(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.leaves, *self.blocking)))


def ending(child: layout.Child, deciding: Deciding, handed_back: Kept) -> States:
    """The last state of a child, where something in it decides how the run ends."""
    if not deciding.read:
        return {}
    ends = {child.name: leaf_rule(deciding.leaves, deciding.blocking)}
    output = handed_back.output(ends, exactly=True)
    return {state_name(f"End of {child.name}"): {"Type": "Pass", "Output": output, "End": True}}


def definition(child: layout.Child, workflow: Workflow, first: str, states: States, variables: Sequence[str]) -> State:
    """The machine of a child, not printed yet.

    :param first: the first of its states
    :param variables: that they read, beside the run
    """
    take: State = {
        "Type": "Pass",
        "Assign": {
            **{name: INPUT.field(name) for name in ("run", *variables)},
            **worker_requests.variables(workflow),
        },
        "Output": INPUT.field("data"),
        "Next": first,
    }
    return {
        "Comment": f"Airflow DAG {workflow.dag_id}, {child.name}, compiled by Ductwork: another machine starts it",
        "QueryLanguage": "JSONata",
        # The first machine's time is up before; this ends what nobody has stopped then.
        **({"TimeoutSeconds": math.ceil(workflow.timeout)} if workflow.timeout else {}),
        "StartAt": machine_bundle.TAKE,
        "States": {machine_bundle.TAKE: take, **states},
    }


def most_bytes(outcomes: Kept, mapped: Collection[str]) -> int:
    """What outcomes take as JSON, at the most; of a mapped task they are all that its instances ended in."""
    names = (*outcomes.ended, *outcomes.marked)
    return sum(len(json_text(task).encode()) + (_ALL_ENDS if task in mapped else _ONE_END) for task in names)


def starting(suffix: str, variables: Mapping[str, Node], reads: Kept, *, restartable: bool) -> State:
    """The state that starts a child, but for its ``Output`` and what follows it.

    Its execution is named after the one that starts it, so a StartExecution that is sent again finds it.

    :param suffix: of the child's name
    :param variables: what else than the run it is given
    :param reads: the outcomes that it is given
    """
    starter = call("substring", CONTEXT.field("Execution", "Name"), 0, _OF_STARTER)
    own = call("substring", call("hash", EXECUTION, "SHA-256"), 0, _HASH)
    return {
        "Type": "Task",
        "Resource": machine_bundle.START,
        "Arguments": {
            "StateMachineArn": RUN.field("parts") & suffix,
            "Name": joined(starter, "-", own, "-", suffix),
            "Input": {
                "run": kept_tasks.of_child() if restartable else merged(RUN, {"conf": ""}),
                **variables,
                "data": reads.arguments(),
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": EXECUTION,
            },
        },
        "Output": RESULT.field("Output"),
        "Retry": integrations.START_RETRY,
    }
