"""A mapped task group: its graph of states, once for each item, in a Map.

``Count G: u``   as for a mapped task
``each of G``    the Map. Where there are no items, or what is to be counted is missing, it runs once, with no instance:
                 its tasks end as their rules have it, or skipped, under index -1, as Airflow shows them. A task that is
                 diverted before it is expanded (``rule_conditions.Decisions.before_expansion``) ends under that index,
                 once, whatever their number
``Instance of G`` the first state of an instance: its index
"""

from __future__ import annotations

from collections.abc import Sequence

from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Node,
    Variable,
    first_of,
    lifted,
    merged,
    substituted,
)
from ductwork.backends.stepfunctions.asl.scope import INDEX, INPUT
from ductwork.backends.stepfunctions.asl.state_data import Kept
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.dataflow.clauses import Diversion
from ductwork.backends.stepfunctions.dataflow.rule_conditions import HAS_INSTANCES, Decisions
from ductwork.backends.stepfunctions.mapping.count_items import Counting
from ductwork.backends.stepfunctions.mapping.map_state import Each, Inside
from ductwork.contracts.names import state_name
from ductwork.ir import Workflow
from ductwork.semantics.trigger_rules import ABSENT

# The last reasons why a task of the group does not run.
_NO_INSTANCE = (Diversion("skipped", Variable("empty")), Diversion("upstream_failed", INDEX < 0))


def diversions(decisions: Decisions, task_id: str) -> tuple[Diversion, ...]:
    """What keeps an instance of a task of the group from running, in order of precedence."""
    ended = of_whole(task_id)
    verdicts = sorted({each.verdict for each in decisions.before_expansion.get(task_id, ())} - {ABSENT})
    whole = (Diversion(verdict, ended.equals(verdict)) for verdict in verdicts)
    unmade = [each for each in decisions.diversions[task_id] if each.verdict == ABSENT]
    others = [each for each in decisions.diversions[task_id] if each.verdict != ABSENT]
    return (*unmade, *whole, *others, *_NO_INSTANCE)


def of_whole(task_id: str) -> Node:
    """Within an instance: how a task of the group ended as a whole, if it did."""
    return Variable("whole").field(task_id)


def _whole(decisions: Decisions, tasks: Sequence[str], size: Node) -> Node | None:
    """An object of the tasks of the group that end as a whole, and how; None if none ever does."""
    ending = [task for task in tasks if decisions.before_expansion.get(task)]
    if not ending:
        return None
    # The input, and in it how the tasks ended that came before, in the order of the group.
    seen = Variable("in")
    statements: list[Node] = [Bind(seen, INPUT), Bind(HAS_INSTANCES, size > 0)]
    for task in ending:
        cases = [(substituted(each.condition, INPUT, seen), each.verdict) for each in decisions.before_expansion[task]]
        statements.append(Bind(seen, merged(seen, {task: first_of(cases)})))
    return Block((*statements, lifted({task: seen.field(task) for task in ending})))


class GroupStates:
    """The states of a mapped task group: counting its instances, and a Map over them.

    :param tasks: of the group
    :param needed: of these the tasks whose outcomes are read later
    :param never: what of :data:`ductwork.semantics.trigger_rules.NEVER` they may end in
    """

    def __init__(
        self,
        workflow: Workflow,
        group: str,
        tasks: tuple[str, ...],
        needed: tuple[str, ...],
        decisions: Decisions,
    ) -> None:
        # No task has a blank in its id.
        self._name = state_name(f"each of {group}")
        length = workflow.mapped_groups[group]
        self._counting = Counting(workflow, group, length)
        size, most = self._counting.told, workflow.most(length)
        whole = _whole(decisions, tasks, size)
        self.each = Each(
            *(workflow, group, size, most, tasks, needed),
            or_none=True,
            whole=whole,
            texts=frozenset(needed) & decisions.sources if whole else frozenset(),
            never=decisions.may_never(needed),
        )

    def states(self, inside: Inside, *, reads: Kept, kept: Kept, after: str | None) -> tuple[str, States]:
        """The first state's name and the states of the group.

        :param inside: makes the states of one instance
        :param reads: what an instance reads of what was before
        :param kept: what is passed on of that
        """
        mapping = self.each.state(inside, reads, lambda outcomes: kept.output(outcomes, exactly=after is None))
        onwards: State = {"End": True} if after is None else {"Next": after}
        return self._counting.first(self._name), self._counting.states(self._name) | {self._name: mapping | onwards}
