"""How the tasks of a region have ended that have not run, as one expression: each by all_success over its direct
upstream tasks, one after another.

The table of the region's tasks is in topological order, so each finds those above it decided. Where one is skipped and
another has failed, the earlier of the scheduler's passes counts (``ductwork.semantics.first_decided``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, product

from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Lambda,
    Node,
    Object,
    Value,
    Variable,
    call,
    every,
    exists,
    first_of,
    lifted,
    merged,
    negated,
)
from ductwork.backends.stepfunctions.asl.scope import ITEM
from ductwork.backends.stepfunctions.dataflow.clauses import end_dependencies
from ductwork.ir import Task
from ductwork.semantics.first_decided import SchedulerPasses
from ductwork.semantics.trigger_rules import FAILED

_ALL, _ROWS, _ORDER, _NEW = (Variable(name) for name in ("all", "tasks", "order", "new"))
_END, _NAME = Variable("v"), Variable("k")
_SO_FAR, _ROW, _BAD, _GONE = (Variable(name) for name in ("o", "t", "failed", "skipped"))


class Replay:
    """What follows from the ends that are known.

    :param tasks: of the region, in topological order
    :param by_id: all tasks
    """

    def __init__(self, tasks: Sequence[Task], by_id: Mapping[str, Task]) -> None:
        self._tasks = tasks
        passes = SchedulerPasses(lambda task: end_dependencies(by_id[task]))
        several = dict.fromkeys(task.upstream for task in tasks if len(task.upstream) > 1)
        self._skips_first = {first for ups in several for first in _skips_first(ups, passes)}
        above = dict.fromkeys(up for ups in several for up in ups)
        self._passes = {up: [passes.ended(up), passes.failed(up)] for up in above}

    def bindings(self, known: Variable) -> list[Bind]:
        """Statements that bind :attr:`follows` and :attr:`waiting`.

        :param known: an object of ends by task id, in which nothing is empty text
        """
        members = {task.task_id for task in self._tasks}
        above = dict.fromkeys(up for task in self._tasks for up in task.upstream if up not in members)
        rows: list[dict[str, Value]] = [{"t": up} for up in above]
        rows += [
            {"t": task.task_id, **({"u": _one_or_more(task.upstream)} if task.upstream else {})} for task in self._tasks
        ]
        order = [Bind(_ORDER, lifted(self._passes))] if len(self._skips_first) > 1 else []
        return [
            Bind(_ROWS, lifted(rows)),
            *order,
            Bind(_ALL, call("reduce", _ROWS, Lambda((_SO_FAR, _ROW), self._with_one_more(known)), {})),
            Bind(_NEW, call("sift", _ALL, Lambda((_END, _NAME), negated(exists(call("lookup", known, _NAME)))))),
        ]

    @property
    def follows(self) -> Node:
        """How tasks end that do not run, of which that was not known; nothing if there are none."""
        return _NEW

    @property
    def waiting(self) -> Node:
        """The tasks that run, or have run and succeeded."""
        return _ROWS.field("t").where(negated(exists(call("lookup", _ALL, ITEM))))

    def _with_one_more(self, known: Variable) -> Node:
        name, above = _ROW.field("t"), _ROW.field("u")
        end = call("lookup", _SO_FAR, ITEM)
        bad, gone = above.where(end.is_in(sorted(FAILED))), above.where(end.equals("skipped"))
        own = call("lookup", known, name)
        cases = [
            (own, own),
            *((condition, "skipped") for condition in self._skipped_first(bad, gone)),
            (exists(bad), "upstream_failed"),
        ]
        if self._skips_first != {True}:
            cases.append((exists(gone), "skipped"))
        # An object has no pair without a value.
        return merged(_SO_FAR, Object(((name, first_of(cases)),)))

    def _skipped_first(self, bad: Node, gone: Node) -> list[Node]:
        if self._skips_first == {True}:
            return [exists(gone)]
        if len(self._skips_first) < 2:
            return []
        seen = call("lookup", _ORDER, ITEM)
        skipped, failed = call("min", gone.each(seen.at(0))), call("min", bad.each(seen.at(1)))
        return [every(exists(gone), exists(bad), skipped < failed)]


def _skips_first(tasks: Sequence[str], passes: SchedulerPasses) -> set[bool]:
    """Whether a task is seen to have been skipped before another one to have failed: what holds for some two of them.

    The two of the nearest and the two of the farthest passes tell that of all.
    """
    skipped, failed = sorted(tasks, key=passes.ended), sorted(tasks, key=passes.failed)
    extremes = chain(product(skipped[:2], failed[-2:]), product(skipped[-2:], failed[:2]))
    return {passes.ended(one) < passes.failed(other) for one, other in extremes if one != other}


def _one_or_more(names: Sequence[str]) -> Value:
    return names[0] if len(names) == 1 else list(names)
