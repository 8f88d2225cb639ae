"""Which upstream task decides a task first, as Airflow's scheduler sees it.

The scheduler makes a pass each time one of the tasks above has ended, and the first pass at which a clause holds is
final. Where a rule is decided by skipped tasks as well as by failed ones (``all_success``), the task is therefore
skipped if one of the former ends at an earlier pass than all of the latter; the clauses' precedence counts only
between what the scheduler sees at one pass.

Which task ends earlier is told by the graph, not by the clock, so that a run can be repeated: a task ends one pass
after the last of those it waits for, and where it fails, one pass later for each retry (:class:`SchedulerPasses`).

This is the one definition. State machines print the :func:`early_skips` of a task as conditions, before any task has
ended; in a job chain the worker evaluates them once all have ended (:func:`is_skipped_first`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ductwork.semantics.trigger_rules import EARLY, IN_VAIN, RULES, SETUPS, TEARDOWN, Clause

Ends = Mapping[str, Collection[str]]
"""For each task the outcomes that its instances may have; of one that has ended, those that they have."""


@dataclass(frozen=True)
class BoundClause:
    """A clause, and the tasks of which it is asked.

    :param whole: it counts those alone that ended as a whole, not the instances of one that was expanded
    """

    clause: Clause
    tasks: tuple[str, ...]
    whole: bool = False

    @property
    def fails(self) -> bool:
        return self.clause.verdict == "upstream_failed"

    @property
    def skips_early(self) -> bool:
        """It skips as soon as one task has ended so."""
        return self.clause.verdict == "skipped" and self.clause.holds == "any"

    def true_of(self, ends: Ends) -> bool:
        return self.clause.true_of({end for task in self.tasks for end in ends[task]})

    def deciding(self, ends: Ends) -> BoundClause:
        """The clause, asked of those tasks alone whose outcomes can make it hold."""
        if self.clause.holds == "none":
            return self
        return self.of(lambda task: not self.clause.states.isdisjoint(ends[task]))

    def of(self, wanted: Callable[[str], bool]) -> BoundClause:
        """The clause, asked of some of its tasks only."""
        tasks = tuple(filter(wanted, self.tasks))
        return self if len(tasks) == len(self.tasks) else BoundClause(self.clause, tasks, self.whole)


def setup_clauses(setups: Sequence[str]) -> list[BoundClause]:
    """The clauses by which the setups above a task decide about it, whatever its trigger rule.

    :param setups: the setups above a task that are not its direct upstream tasks
    """
    return [BoundClause(clause, tuple(setups)) for clause in SETUPS]


def rule_clauses(rule: str, upstream: Sequence[str], is_setup: Callable[[str], bool]) -> list[BoundClause]:
    """The clauses of a trigger rule in order of precedence.

    :param upstream: the direct upstream tasks
    :param is_setup: a teardown's rule asks of setups alone, but waits for all
    """
    above = tuple(upstream)
    read = tuple(filter(is_setup, above)) if rule == TEARDOWN else above
    return [BoundClause(clause, above if clause is IN_VAIN else read) for clause in RULES[rule]]


@dataclass(frozen=True)
class EndDependencies:
    """What tells when a task ends.

    :param rule: its trigger rule
    :param further: the setups and the tasks in its scope that it waits for whatever its rule
    """

    rule: str
    upstream: Sequence[str]
    further: Sequence[str] = ()
    retries: int = 0


class SchedulerPasses:
    """The number of the scheduler's pass at which each task is seen to have ended, from 1.

    :param dependencies: of a task, by its id
    """

    def __init__(self, dependencies: Callable[[str], EndDependencies]) -> None:
        self._dependencies = dependencies
        self._ended: dict[str, int] = {}
        self._failed: dict[str, int] = {}

    def ended(self, task_id: str) -> int:
        """The pass at which a task is seen that has ended in its first try."""
        pending = [] if task_id in self._ended else [task_id]
        while pending:
            dependencies = self._dependencies(pending[-1])
            missing = [up for up in (*dependencies.upstream, *dependencies.further) if up not in self._ended]
            if not missing:
                self._ended[pending.pop()] = self._next(dependencies)
            pending += missing
        return self._ended[task_id]

    def failed(self, task_id: str) -> int:
        """The pass at which a task is seen that has failed, after all its retries."""
        if task_id not in self._failed:
            self._failed[task_id] = self.ended(task_id) + self._dependencies(task_id).retries
        return self._failed[task_id]

    def _next(self, dependencies: EndDependencies) -> int:
        """A rule that decides early waits for the nearest upstream task only."""
        nearest = min if dependencies.rule in EARLY else max
        upstream = nearest((self._ended[up] for up in dependencies.upstream), default=0)
        return 1 + max([upstream, *(self._ended[up] for up in dependencies.further)])


@dataclass(frozen=True)
class EarlySkip:
    """A pass that may skip a task before others can fail it: some of ``skips`` holds by then, and none of ``fails``."""

    skips: tuple[BoundClause, ...]
    fails: tuple[BoundClause, ...]

    def true_of(self, ends: Ends) -> bool:
        return any(each.true_of(ends) for each in self.skips) and not any(each.true_of(ends) for each in self.fails)


def early_skips(
    clauses: Sequence[BoundClause], ends: Ends, passes: SchedulerPasses, most: int | None = None
) -> list[EarlySkip]:
    """The passes of which some must skip a task for that to overrule the clauses' precedence.

    :param clauses: in order of precedence
    :param ends: the more outcomes there may be, the more passes are asked of, to the same effect
    :param most: where there are more passes than that, none is told
    """
    last = max((position for position, each in enumerate(clauses) if each.skips_early), default=0)
    skips = [each.deciding(ends) for each in clauses if each.skips_early]
    if not any(each.tasks for each in skips):
        return []
    fails = [each.deciding(ends) for each in clauses[:last] if each.fails]
    last_failure = max((passes.failed(task) for each in fails for task in each.tasks), default=0)
    ended = {passes.ended(task) for each in skips for task in each.tasks} if last_failure else set()
    numbers = sorted(number for number in ended if number < last_failure)
    if most is not None and len(numbers) > most:
        return []
    # "Not one ended so" takes all of them to tell.
    early = [each for each in fails if each.clause.holds == "any"]
    return [EarlySkip(_by(number, skips, passes.ended), _by(number, early, passes.failed)) for number in numbers]


def _by(number: int, clauses: Sequence[BoundClause], seen: Callable[[str], int]) -> tuple[BoundClause, ...]:
    """The clauses as a pass asks them: of those alone that have ended by then."""
    asked = (each.of(lambda task: seen(task) <= number) for each in clauses)
    return tuple(each for each in asked if each.tasks)


def is_skipped_first(clauses: Sequence[BoundClause], ends: Ends, passes: SchedulerPasses) -> bool:
    """Whether a task is skipped by one that ended before any that would fail it.

    :param clauses: in order of precedence
    :param ends: of all tasks that the clauses name, which have ended
    """
    return any(skip.true_of(ends) for skip in early_skips(clauses, ends, passes))
