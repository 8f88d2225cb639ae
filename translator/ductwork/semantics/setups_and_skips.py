"""What tasks have to do with others than their direct upstream: setups, a teardown's scope, what a branch skips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from ductwork.ir.snapshot import TaskSnapshot
from ductwork.semantics.trigger_rules import ALWAYS

# Bases of operators that decide at run time which downstream tasks are skipped; the provider has copies of its own.
_SKIPPING = (".bases.skipmixin.SkipMixin", ".utils.skipmixin.SkipMixin")
_BRANCHING = (".bases.branch.BranchMixIn", ".operators.branch.BranchMixIn")
_SHORT_CIRCUIT = "airflow.providers.standard.operators.python.ShortCircuitOperator"


class Relations:
    """What the tasks of a DAG have to do with tasks that are not next to them.

    :param tasks: all tasks of one DAG
    """

    def __init__(self, tasks: Sequence[TaskSnapshot]) -> None:
        self._tasks = {task.task_id: task for task in tasks}

    @cached_property
    def _downstream(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {task: set() for task in self._tasks}
        for task in self._tasks.values():
            for up in task.upstream:
                found[up].add(task.task_id)
        return {task: frozenset(below) for task, below in found.items()}

    def _all(self, task_id: str, edges: Mapping[str, frozenset[str]] | None = None) -> set[str]:
        """Everything downstream of a task; upstream, if no edges are given."""
        found: set[str] = set()
        waiting = [task_id]
        while waiting:
            task = waiting.pop()
            next_to_it = self._tasks[task].upstream if edges is None else edges[task]
            unseen = set(next_to_it) - found
            found |= unseen
            waiting.extend(unseen)
        return found

    def setups(self, task: TaskSnapshot) -> tuple[str, ...]:
        """The setups above a task that its trigger rule does not read."""
        return tuple(up for up in task.setups if up not in task.upstream)

    def scope(self, task: TaskSnapshot) -> tuple[str, ...]:
        """The tasks between a teardown's setups and itself: it waits for them too."""
        if not task.is_teardown:
            return ()
        setups = [up for up in task.upstream if self._tasks[up].is_setup]
        within = set().union(*(self._all(setup, self._downstream) for setup in setups))
        return tuple(sorted((self._all(task.task_id) - set(task.upstream)) & within))

    def skips(self, task: TaskSnapshot) -> tuple[str, ...]:
        """The tasks that ``task`` may decide to skip.

        A branch skips direct downstream tasks; so does a short circuit that respects trigger rules, but never a
        teardown; any other operator with Airflow's SkipMixin may name any task downstream of it. A task that waits for
        nothing has started before anybody can skip it.
        """
        # An instance of a mapped task skips nothing.
        if task.is_mapped or task.mapped_group or not _descends(task.ancestors, _SKIPPING):
            return ()
        direct = self._downstream[task.task_id]
        if _descends(task.ancestors, _BRANCHING):
            named = set(direct)
        else:
            respects = task.arguments.get("ignore_downstream_trigger_rules") is False
            named = set(direct) if respects else self._all(task.task_id, self._downstream)
            if _SHORT_CIRCUIT in task.ancestors:
                named = {down for down in named if not self._tasks[down].is_teardown}
        return tuple(sorted(down for down in named if self._tasks[down].trigger_rule != ALWAYS))


@lru_cache(maxsize=1024)
def _descends(ancestors: tuple[str, ...], bases: tuple[str, ...]) -> bool:
    return any(name.endswith(bases) for name in ancestors)
