"""Whether a task runs: its trigger rule, its setups and a branch's choice, as conditions on the outcomes before it.

A condition that can never hold is left out, so a task that nothing can divert has none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions import jsonata
from ductwork.ir import BatchJob, Instant, Task, Wait, Workflow
from ductwork.trigger_rules import DEFAULT, EARLY, FAILED, RULES, SETUPS, SKIPPED, SUCCESS, TEARDOWN, Clause

# With more steps than these, who came first is not asked: failed and skipped upstream tasks count as failed.
_MOST_STEPS = 6


@dataclass(frozen=True)
class Diversion:
    """
    :param verdict: the outcome of the task where it does not run
    :param condition: JSONata over the state's input
    """

    verdict: str
    condition: str


class Decisions:
    """The diversions of every task of a workflow, and the outcomes each can end in."""

    def __init__(self, workflow: Workflow) -> None:
        self._tasks = workflow.by_id
        self._mapped = frozenset(task.task_id for task in workflow.tasks if task.is_mapped)
        self.skippers: dict[str, frozenset[str]] = _skippers(workflow)
        self.possible: dict[str, frozenset[str]] = {}
        self._level: dict[str, int] = {}
        self.diversions: dict[str, tuple[Diversion, ...]] = {}
        for task in workflow.tasks:
            self._level[task.task_id] = self._level_of(task)
            found = tuple(self._diversions(task))
            self.diversions[task.task_id] = found
            self.possible[task.task_id] = _own_ends(task, workflow.restartable) | {
                diversion.verdict for diversion in found
            }

    def _level_of(self, task: Task) -> int:
        """How many tasks come one after another before this one, at the least for a rule that decides early."""
        above = [self._ended(up) for up in task.upstream]
        nearest = (min if task.trigger_rule in EARLY else max)(above, default=0)
        return max([nearest, *(self._ended(up) for up in (*task.setups, *task.scope))])

    def _ended(self, task_id: str) -> int:
        return self._level[task_id] + 1

    def _diversions(self, task: Task) -> list[Diversion]:
        found = []
        if self.skippers[task.task_id]:
            found.append(Diversion("skipped", f"$exists({jsonata.of_input(task.task_id)})"))
        if task.trigger_rule == "always":
            return found
        found += self._clauses(SETUPS, task.setups)
        read = task.upstream
        if task.trigger_rule == TEARDOWN:
            read = tuple(up for up in task.upstream if self._tasks[up].is_setup)
        if task.trigger_rule == DEFAULT:
            found += self._first_skipped(read)
        return found + self._clauses(RULES[task.trigger_rule], read)

    def _clauses(self, clauses: Sequence[Clause], read: Sequence[str]) -> list[Diversion]:
        return [
            Diversion(clause.verdict, self.condition(clause, read))
            for clause in clauses
            if read and self._can_hold(clause, read)
        ]

    def _can_hold(self, clause: Clause, read: Sequence[str]) -> bool:
        if clause.holds == "any":
            return any(self.possible[up] & clause.states for up in read)
        return all(self.possible[up] - clause.states for up in read)

    def condition(self, clause: Clause, read: Sequence[str]) -> str:
        """``clause`` as JSONata, naming only the states that its upstream tasks can end in."""
        reachable = frozenset().union(*(self.possible[up] for up in read)) & clause.states
        condition = ended_in(read, reachable, self._mapped)
        return condition if clause.holds == "any" else f"$not({condition})"

    def _first_skipped(self, read: Sequence[str]) -> list[Diversion]:
        """all_success goes by the first upstream task that did not succeed: a skipped one that ends levels before any
        failed one skips the task. Which ends first is told by the levels, so that it does not depend on the clock.
        """
        skip_at = sorted({self._ended(up) for up in read if "skipped" in self.possible[up]})
        fail_at = {up: self._ended(up) + self._tasks[up].retry.retries for up in read if self.possible[up] & FAILED}
        steps = [level for level in skip_at if any(at > level for at in fail_at.values())]
        if len(steps) > _MOST_STEPS:
            return []
        found = []
        for level in steps:
            skipped = [up for up in read if "skipped" in self.possible[up] and self._ended(up) <= level]
            failed = [up for up, at in fail_at.items() if at <= level]
            condition = ended_in(skipped, SKIPPED, self._mapped)
            if failed:
                condition = (
                    f"{_grouped(condition)} and $not({self.condition(Clause('skipped', 'any', FAILED), failed)})"
                )
            found.append(Diversion("skipped", condition))
        return found


def _grouped(condition: str) -> str:
    return f"({condition})" if " or " in condition else condition


def ended_in(read: Sequence[str], states: frozenset[str], mapped: Collection[str] = ()) -> str:
    """Condition: at least one instance of the tasks in ``read`` ended in one of ``states``.

    :param mapped: tasks whose outcome may be an array: all that their instances ended in
    """
    if len(read) == 1 and read[0] not in mapped:
        mine = jsonata.of_input(read[0])
        if len(states) == 1:
            return f"{mine} = {jsonata.text(*states)}"
        return f"{mine} in {jsonata.texts(sorted(states))}"
    outcomes = jsonata.inputs(read)
    return " or ".join(f"{jsonata.text(state)} in {outcomes}" for state in sorted(states)) or "false"


def _own_ends(task: Task, restartable: bool) -> frozenset[str]:
    """What a task can end in once it runs. A restart may say of anything but an instant task that it was skipped."""
    if isinstance(task.work, Instant):
        return SUCCESS
    if not restartable and isinstance(task.work, BatchJob):
        return SUCCESS | {"failed"}
    if not restartable and isinstance(task.work, Wait):
        return SUCCESS | {"skipped" if task.work.soft_fail else "failed"}
    # No items: skipped; an upstream task that left nothing to count: upstream_failed.
    return SUCCESS | {"failed", "skipped"} | ({"upstream_failed"} if task.is_mapped else set())


def _skippers(workflow: Workflow) -> dict[str, frozenset[str]]:
    """For each task the tasks that may decide to skip it."""
    found: dict[str, set[str]] = {task.task_id: set() for task in workflow.tasks}
    for task in workflow.tasks:
        for down in task.skips:
            found[down].add(task.task_id)
    return {task: frozenset(by) for task, by in found.items()}
