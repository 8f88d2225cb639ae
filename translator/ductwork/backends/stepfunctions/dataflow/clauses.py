"""The clauses of trigger rules as conditions on the outcomes before a task."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl.nodes import Literal, Node, call, either, every, exists, lifted, negated
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RUN, input_fields
from ductwork.ir import Task, Workflow
from ductwork.ir.window import UNBOUNDED_RUN_TYPE, Window
from ductwork.semantics.first_decided import BoundClause, EndDependencies, SchedulerPasses, early_skips
from ductwork.semantics.trigger_rules import NEVER, NO_STATUS, SUCCESS, Clause, unseen

# With more of the scheduler's passes than these, which task ended first is not asked: failed and skipped upstream tasks
# count as failed.
_MOST_PASSES = 6


@dataclass(frozen=True)
class Diversion:
    """A way in which a task ends without running, and when it does.

    :param verdict: the outcome of the task where it does not run; the ledger gets no record of those in ``NEVER``
    :param condition: on the state's input
    :param asked: where all that is asked is whether one of these tasks has ended in one of ``states``: the tasks
    :param others: the other states that one of ``asked`` can end in; empty where that is not known
    :param implied: it holds only where another one of the same task does, which counts for less
    """

    verdict: str
    condition: Node
    asked: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    implied: bool = False


class Clauses:
    """Clauses as conditions that name only the states in which tasks can end.

    :param possible: those states
    :param mapped: tasks whose outcome may be an array: all that their instances ended in
    """

    def __init__(self, workflow: Workflow, possible: Mapping[str, frozenset[str]], mapped: Collection[str]) -> None:
        tasks = workflow.by_id
        self._possible, self._mapped = possible, mapped
        # Many tasks may ask the same of the same tasks, whose ends are settled by then.
        self._diversions: dict[tuple[BoundClause, ...], list[Diversion]] = {}
        self._passes = SchedulerPasses(lambda task_id: end_dependencies(tasks[task_id]))

    def given(self, possible: Mapping[str, frozenset[str]]) -> Clauses:
        """The same where the tasks can end in other states."""
        found = copy(self)
        found._possible, found._diversions = possible, {}
        return found

    def diversions(self, asked: Sequence[BoundClause]) -> list[Diversion]:
        """Of the clauses that can hold, in order of precedence.

        :param asked: in order of precedence
        """
        key = tuple(asked)
        if key not in self._diversions:
            kept = [each for each in asked if self.can_hold(each)]
            self._diversions[key] = self._skipped_first(kept) + list(map(self._diversion, kept))
        return self._diversions[key]

    def _diversion(self, asked: BoundClause) -> Diversion:
        verdict, condition = asked.clause.verdict, self._condition(asked)
        if asked.whole or asked.clause.holds != "any" or any(up in self._mapped for up in asked.tasks):
            return Diversion(verdict, condition)
        can = frozenset().union(*(self._possible[up] for up in asked.tasks))
        states = can & asked.clause.states
        return Diversion(verdict, condition, asked.tasks, states, can - states)

    def can_hold(self, asked: BoundClause) -> bool:
        """Whether the tasks can end so that the clause holds."""
        states = asked.clause.states - self._hidden(asked)
        if asked.clause.verdict == NO_STATUS and not self._reachable(asked, NEVER):
            return False
        if asked.clause.holds == "any":
            return any(self._possible[up] & states for up in asked.tasks)
        return bool(asked.tasks) and all(self._possible[up] - states for up in asked.tasks)

    def _hidden(self, asked: BoundClause) -> frozenset[str]:
        return unseen(any(up in self._mapped for up in asked.tasks))

    def _reachable(self, asked: BoundClause, states: frozenset[str]) -> frozenset[str]:
        """Those of some states that a task may see."""
        return (frozenset().union(*(self._possible[up] for up in asked.tasks)) & states) - self._hidden(asked)

    def _condition(self, asked: BoundClause) -> Node:
        clause = asked.clause
        if asked.whole:
            found = [(up, self._possible[up] & clause.states) for up in asked.tasks]
            return either(*(ended_in((up,), states) for up, states in found if states))
        condition = ended_in(asked.tasks, self._reachable(asked, clause.states), self._mapped)
        if clause.holds == "none":
            return Literal(True) if condition == Literal(False) else negated(condition)
        return condition

    def _skipped_first(self, asked: Sequence[BoundClause]) -> list[Diversion]:
        """The task is skipped by one that ends before any that would fail it."""
        found = []
        for one_pass in early_skips(asked, self._possible, self._passes, _MOST_PASSES):
            condition = self._any_of(one_pass.skips)
            if one_pass.fails:
                condition = every(condition, negated(self._any_of(one_pass.fails)))
            found.append(Diversion("skipped", condition, implied=True))
        return found

    def _any_of(self, asked: Sequence[BoundClause]) -> Node:
        return either(*map(self._condition, asked))


def outside(window: Window) -> Node:
    """Condition: the run's logical date is outside the dates, and they bind runs of its kind."""
    date = call("toMillis", RUN.field("logical_date"))
    before = [date < call("toMillis", window.start)] if window.start else []
    after = [date > call("toMillis", window.end)] if window.end else []
    dated = [RUN.field("logical_date").differs("")] if window.dateless else []
    return every(RUN.field("type").differs(UNBOUNDED_RUN_TYPE), *dated, either(*before, *after))


def ended_in(read: Sequence[str], states: frozenset[str], mapped: Collection[str] = ()) -> Node:
    """Condition: at least one instance of the tasks in ``read`` ended in one of ``states``.

    :param mapped: tasks whose outcome may be an array: all that their instances ended in
    """
    if len(read) == 1 and read[0] not in mapped:
        mine = INPUT.field(read[0])
        return mine.equals(*states) if len(states) == 1 else mine.is_in(sorted(states))
    if len(states) < 2:
        return either(*(lifted(state).is_in(input_fields(read)) for state in states))
    return exists(input_fields(read).where(ITEM.is_in(sorted(states))))


def any_of(diversions: Sequence[Diversion]) -> Node:
    """Condition: at least one of them holds. Of all that can, one is not ``implied`` by others that are left out."""
    conditions: dict[Node, None] = {}
    for diversion in diversions:
        same = [each for each in diversions if each.asked == diversion.asked] if diversion.asked else []
        if not diversion.implied:
            conditions[_together(same) if same else diversion.condition] = None
    return either(*conditions)


def _together(diversions: Sequence[Diversion]) -> Node:
    """Of diversions that ask the same tasks."""
    read = diversions[0].asked
    states = frozenset().union(*(each.states for each in diversions))
    if diversions[0].others - states != SUCCESS:
        return ended_in(read, states)
    if len(read) == 1:
        return INPUT.field(read[0]).differs("success")
    return exists(input_fields(read).where(ITEM.differs("success")))


def covers(asked: Sequence[BoundClause], clause: Clause, read: Sequence[str]) -> bool:
    """Whether others than ``clause`` ask the same, or more, of the same tasks."""
    return any(
        each.clause.holds == "any"
        and each.clause.verdict == clause.verdict
        and each.clause.states >= clause.states
        and set(each.tasks) >= set(read)
        for each in asked
    )


def end_dependencies(task: Task) -> EndDependencies:
    return EndDependencies(task.trigger_rule, task.upstream, (*task.setups, *task.scope), task.retry.retries)
