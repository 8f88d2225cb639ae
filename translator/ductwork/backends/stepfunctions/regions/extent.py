"""Which parts of a layout are lean regions: as much as possible of what hangs together, of tasks that run where all
directly above them have succeeded, and of which nothing else is asked before the last of them has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from ductwork.backends.stepfunctions.dataflow.rule_conditions import Decisions
from ductwork.backends.stepfunctions.tasks.worker_task import goes_on_alone
from ductwork.ir import Task, Workflow
from ductwork.planning import layout
from ductwork.planning.shapes import Parallel, Series
from ductwork.semantics.trigger_rules import DEFAULT, NEVER

# With fewer workers the states that settle a region are more than those that it saves: an empty task saves none.
_FEWEST = 5
# What one expression works out for all tasks, within the second that an evaluation may take.
_MOST = 300


class Extent:
    """Says of parts whether they are regions.

    :param tellers: the tasks that others wait for by joins, or in the next run: they must tell when they end
    """

    def __init__(self, workflow: Workflow, decisions: Decisions, tellers: Collection[str]) -> None:
        self._tasks, self._decisions, self._tellers = workflow.by_id, decisions, tellers
        self._fail_fast = workflow.fail_fast
        self._sizes: dict[int, tuple[layout.Part, int]] = {}

    def is_region(self, part: layout.Part) -> bool:
        """Whether a part as a whole is one."""
        if not _FEWEST <= self._size(part) <= _MOST:
            return False
        return sum(self._tasks[task].work.has_worker for task in layout.members(part)) >= _FEWEST

    def grouped(self, parts: Sequence[layout.Part]) -> list[layout.Part]:
        """The parts of a series, with consecutive ones together where they make a region."""
        found: list[layout.Part] = []
        for plain, several in groupby(parts, key=lambda part: 0 < self._size(part) <= _MOST):
            together = tuple(several)
            batches = self._batches(together) if plain else [together]
            for batch in batches:
                one = Series(batch) if len(batch) > 1 else batch[0]
                found += [one] if self.is_region(one) else batch
        return found

    def _batches(self, parts: tuple[layout.Part, ...]) -> list[tuple[layout.Part, ...]]:
        batches: list[list[layout.Part]] = [[]]
        size = 0
        for part in parts:
            if size + self._size(part) > _MOST:
                batches.append([])
                size = 0
            batches[-1].append(part)
            size += self._size(part)
        return [tuple(batch) for batch in batches]

    def _size(self, part: layout.Part) -> int:
        """The number of a part's tasks; 0 if some cannot be in a region."""
        if id(part) not in self._sizes:
            self._sizes[id(part)] = part, self._counted(part)
        return self._sizes[id(part)][1]

    def _counted(self, part: layout.Part) -> int:
        if isinstance(part, layout.TaskPart):
            return int(self._is_plain(self._tasks[part.task]))
        if isinstance(part, (Series, Parallel)):
            sizes = [self._size(inner) for inner in part.parts]
            return sum(sizes) if all(sizes) else 0
        return 0

    def _is_plain(self, task: Task) -> bool:
        return (
            (goes_on_alone(task) or task.work.is_empty)
            and task.trigger_rule == DEFAULT
            and not (task.setups or task.scope or task.is_teardown or task.is_mapped)
            and not (task.slots or task.past or task.window or task.skips)
            and not (self._fail_fast or self._decisions.skippers[task.task_id] or task.task_id in self._tellers)
            and not any(map(self._ends_otherwise, task.upstream))
        )

    def _ends_otherwise(self, up: str) -> bool:
        """Whether a task may have other ends than one of the four, or several at once."""
        return self._tasks[up].is_mapped or not NEVER.isdisjoint(self._decisions.possible[up])
