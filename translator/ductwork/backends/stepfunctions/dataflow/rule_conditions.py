"""Whether a task runs: its trigger rule, its setups, a branch's choice and what it is expanded over, as conditions on
the outcomes before it.

A condition that can never hold is left out, so a task that nothing can divert has none.

Beside the rule, Airflow looks at the tasks whose return values are expanded over (``MappedTaskUpstreamDep``): one that
was skipped skips the mapped task, or every task of the mapped group, and one that failed ends it upstream_failed. Only
such count as have ended as a whole: of one that was expanded the instances are counted, however they ended. An outcome
that is an array is that of instances; a text is a whole task's.

A task of a mapped group is one record, of index -1, until it is expanded, which each task of the group is by itself. Of
that record Airflow asks the rule first, and it then sees what is outside the group, and of the tasks above within the
group those that have ended as a whole. :attr:`Decisions.before_expansion` are the diversions of that record.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable
from dataclasses import replace

from ductwork.backends.stepfunctions.asl.nodes import Node, Variable, call, either, every, exists
from ductwork.backends.stepfunctions.asl.scope import INPUT, input_fields
from ductwork.backends.stepfunctions.dataflow.clauses import Clauses, Diversion, covers, outside
from ductwork.ir import Task, Workflow
from ductwork.planning import layout
from ductwork.semantics.first_decided import BoundClause, rule_clauses, setup_clauses
from ductwork.semantics.trigger_rules import (
    ABSENT,
    ALWAYS,
    FAILED,
    IN_VAIN,
    NEVER,
    NO_STATUS,
    OF_ALL_INSTANCES,
    SKIPPED,
    SUCCESS,
    TEARDOWN,
    Clause,
)

_SOME_SUCCESS = "all_done_min_one_success"
# Condition, of a mapped group: it has instances.
HAS_INSTANCES = Variable("some")
_NO_INSTANCE = frozenset({"skipped", "upstream_failed"})
_SOURCE_FAILED, _SOURCE_SKIPPED = Clause("upstream_failed", "any", FAILED), Clause("skipped", "any", SKIPPED)


class Decisions:
    """The diversions of every task of a workflow, and the outcomes each can end in."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow, self._tasks = workflow, workflow.by_id
        self.skippers: dict[str, frozenset[str]] = _skippers(workflow)
        self.possible: dict[str, frozenset[str]] = {}
        self.mapping_sources = {task.task_id: _mapping_sources(workflow, task) for task in workflow.tasks}
        """For each task those that may divert it because it, or its group, is expanded over what they return."""
        self.sources = frozenset(up for found in self.mapping_sources.values() for up in found)
        self.diversions: dict[str, tuple[Diversion, ...]] = {}
        self.before_expansion: dict[str, tuple[Diversion, ...]] = {}
        """Of the tasks of mapped groups whose instances Airflow makes when their turn comes."""
        mapped = self._mapped = frozenset(task.task_id for task in workflow.tasks if task.is_mapped)
        self._ends_before_expansion: dict[str, frozenset[str]] = {}
        self._clauses = Clauses(workflow, self.possible, mapped)
        self._clauses_before_expansion = Clauses(workflow, ChainMap(self._ends_before_expansion, self.possible), mapped)
        for task in workflow.tasks:
            if task.mapped_group and task.task_id not in workflow.sizes:
                self.before_expansion[task.task_id] = _first_each(self._diversions_before_expansion(task))
                self._ends_before_expansion[task.task_id] = frozenset(
                    each.verdict for each in self.before_expansion[task.task_id]
                )
            whole, inside = self.before_expansion.get(task.task_id, ()), self._inside(task)
            # Where an instance sees nothing that the whole task has not seen, nothing is left to decide.
            decided = task.task_id in self.before_expansion and not inside
            found = _first_each([*_outside_dates(task), *([] if decided else self._diversions(task))])
            self.diversions[task.task_id] = found
            # Without items there is no instance, and the record of the whole task ends.
            none = _NO_INSTANCE if task.mapped_group and not workflow.sizes.get(task.task_id) else frozenset()
            self.possible[task.task_id] = (
                none | _own_ends(task, workflow) | {diversion.verdict for diversion in (*found, *whole)}
            )

    def is_free_after(self, task: Task, ran: Task) -> bool:
        """Whether nothing diverts an unmapped task whenever another one, after which it comes, has run and succeeded:
        nothing has diverted that one either."""
        if task.window and task.window != ran.window:
            return False
        known = ChainMap({ran.task_id: SUCCESS}, self._left_by(ran), self.possible)
        return not self._diversions(task, self._clauses.given(known))

    def _left_by(self, ran: Task) -> dict[str, frozenset[str]]:
        """What the tasks that a task has asked can have ended in, where it has run."""
        left: dict[str, frozenset[str]] = {}
        # An early rule has not seen how all of them end.
        asked = [] if layout.is_early(ran) else [*setup_clauses(ran.setups), *self._asked(ran, ())]
        for each in asked:
            if each.clause.holds == "any" and ran.trigger_rule != ALWAYS:
                for up in each.tasks:
                    left[up] = left.get(up, self.possible[up]) - each.clause.states
        return left

    def _diversions(self, task: Task, clauses: Clauses | None = None) -> list[Diversion]:
        """What diverts a task, in order of precedence.

        :param clauses: None: of what tasks can end in, whatever has been before
        """
        clauses = clauses or self._clauses
        found = self._skipped_by_branch(task)
        if task.trigger_rule == ALWAYS:
            return found
        found += clauses.diversions(setup_clauses(task.setups))
        mapping_sources = () if task.mapped_group else self.mapping_sources[task.task_id]
        lasting = [BoundClause(IN_VAIN, above) for above in (task.setups, task.scope)]
        found += clauses.diversions([*self._asked(task, mapping_sources), *lasting])
        if layout.is_early(task):
            # Of some it is not known how they end: neither so nor otherwise.
            found = [replace(each, others=frozenset()) for each in found]
        if mapping_sources and layout.is_early(task):
            # Nothing tells yet how many instances there are.
            early = either(*(INPUT.field(up).equals("") for up in mapping_sources))
            found.append(Diversion("upstream_failed", early))
        return found

    def _diversions_before_expansion(self, task: Task) -> list[Diversion]:
        """What diverts a task of a mapped group before it is expanded."""
        inside = self._inside(task)
        unknown = {up for up in inside if not self._ends_before_expansion[up]}
        upstream, setups = (tuple(up for up in ups if up not in unknown) for ups in (task.upstream, task.setups))
        found = [*_outside_dates(task), *self._skipped_by_branch(task)]
        found += self._clauses_before_expansion.diversions(setup_clauses(setups))
        asked = self._asked(replace(task, upstream=upstream), self.mapping_sources[task.task_id])
        found += self._clauses_before_expansion.diversions([each for each in asked if each.clause.holds == "any"])
        if task.trigger_rule == _SOME_SUCCESS and unknown and not upstream:
            # Of no instance at all, none has succeeded.
            return [*found, Diversion("upstream_failed", HAS_INSTANCES)]
        if unknown and task.trigger_rule in OF_ALL_INSTANCES:
            return found
        sure = self._all_seen_have_ended(task, inside, unknown)
        rest = self._clauses_before_expansion.diversions([each for each in asked if each.clause.holds == "none"])
        return found + [Diversion(each.verdict, every(*sure, each.condition)) for each in rest]

    def _all_seen_have_ended(self, task: Task, inside: set[str], unknown: set[str]) -> list[Node]:
        """Conditions: all that a task of a mapped group sees before it is expanded has ended."""
        if not inside:
            return []
        ended = [exists(INPUT.field(up)) for up in sorted(inside - unknown)]
        if task.trigger_rule in OF_ALL_INSTANCES:
            return ended
        # What has been expanded it does not see.
        sure: list[Node] = [either(HAS_INSTANCES, *([] if unknown else [every(*ended)]))]
        if task.trigger_rule == TEARDOWN:
            seen = (up for up in task.upstream if self._tasks[up].is_setup)
            sure.append(call("count", input_fields(seen)) > 0)
        return sure

    def lasting(self, task: Task) -> tuple[str, ...]:
        """The tasks in a teardown's scope for which it may wait in vain."""
        return tuple(up for up in task.scope if self.possible[up] & NEVER)

    def may_never(self, tasks: Collection[str]) -> tuple[str, ...]:
        """Those of :data:`NEVER` that some of the tasks may end in."""
        return tuple(sorted(NEVER.intersection(end for task in tasks for end in self.possible[task])))

    @property
    def blocking(self) -> tuple[str, ...]:
        """The tasks that may wait in vain, which fails the run whatever they are above."""
        return tuple(task for task, possible in self.possible.items() if NO_STATUS in possible)

    def _inside(self, task: Task) -> set[str]:
        """What a task of a mapped group reads of the group."""
        group, above = task.mapped_group, (*task.upstream, *task.setups)
        return {up for up in above if group and self._tasks[up].mapped_group == group}

    def _skipped_by_branch(self, task: Task) -> list[Diversion]:
        if not self.skippers[task.task_id]:
            return []
        return [Diversion("skipped", exists(INPUT.field(task.task_id)))]

    def _asked(self, task: Task, mapping_sources: tuple[str, ...]) -> list[BoundClause]:
        """The clauses of a task's rule and of what it is expanded over, in order of precedence."""
        own = rule_clauses(task.trigger_rule, task.upstream, lambda up: self._tasks[up].is_setup)
        lost, void = (
            [] if covers(own, clause, mapping_sources) else [BoundClause(clause, mapping_sources, True)]
            for clause in (_SOURCE_FAILED, _SOURCE_SKIPPED)
        )
        first = [each for each in own if each.fails and each.clause.holds == "any"]
        rest = [each for each in own if each not in first]
        # What is skipped for want of items need not wait for what never ends.
        vain = (at for at, each in enumerate(rest) if each.clause.verdict == NO_STATUS and self._clauses.can_hold(each))
        at = next(vain, len(rest))
        return [*first, *lost, *rest[:at], *void, *rest[at:]]


def _first_each(diversions: Iterable[Diversion]) -> tuple[Diversion, ...]:
    """Without those whose condition an earlier one has, which diverts the task then."""
    found: dict[Node, Diversion] = {}
    for diversion in diversions:
        earlier = found.setdefault(diversion.condition, diversion)
        if earlier.implied:
            # By nothing, if what it is implied by is left out.
            found[diversion.condition] = replace(diversion, verdict=earlier.verdict)
    # What comes between, and leads elsewhere, must not be asked before what is implied by something after it.
    apart = any(each.verdict in NEVER for each in found.values())
    return tuple(replace(each, implied=False) if each.implied and apart else each for each in found.values())


def _outside_dates(task: Task) -> list[Diversion]:
    return [Diversion(ABSENT, outside(task.window))] if task.window else []


def _own_ends(task: Task, workflow: Workflow) -> frozenset[str]:
    """What a task can end in once it runs. A restart may say of anything but an empty task that it was skipped."""
    restartable = workflow.restartable
    if task.work.is_empty:
        # Whoever has failed may have ended it.
        return SUCCESS | (SKIPPED if workflow.fail_fast else frozenset())
    if not restartable and not task.work.has_worker:
        return task.work.ends
    # No items: skipped; an upstream task that left nothing to count: upstream_failed.
    return SUCCESS | {"failed", "skipped"} | ({"upstream_failed"} if task.is_mapped else set())


def _skippers(workflow: Workflow) -> dict[str, frozenset[str]]:
    """For each task the tasks that may decide to skip it."""
    found: dict[str, set[str]] = {task.task_id: set() for task in workflow.tasks}
    for task in workflow.tasks:
        for down in task.skips:
            found[down].add(task.task_id)
    return {task: frozenset(by) for task, by in found.items()}


def _mapping_sources(workflow: Workflow, task: Task) -> tuple[str, ...]:
    """Of the tasks whose return values tell how many instances there are those that may end as a whole: of literals
    Airflow makes the instances when the run begins."""
    return tuple(up for up in workflow.counted(task) if not workflow.sizes.get(up))
