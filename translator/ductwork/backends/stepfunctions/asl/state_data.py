"""How outcomes travel: the state data is an object of task id -> outcome, holding what later states still need.

Outcomes are Airflow's terminal task instance states. A state that ends a task adds its outcome; a Parallel gives each
branch the outcomes it reads and takes from it the outcomes that are read later, so the data stays small. A task that
a branch has decided to skip has its outcome in the state data before its turn comes: its *mark*, which may be there or
not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl.nodes import Bind, Block, Node, Value, array, call, lifted, merged
from ductwork.backends.stepfunctions.asl.scope import INPUT, RESULT

# From this many outcomes on, passing the whole input along is shorter than naming them one by one.
_NAMED_ONE_BY_ONE = 4


@dataclass(frozen=True)
class Kept:
    """What a state passes on of its input.

    :param ended: tasks whose outcomes are certainly there
    :param marked: tasks that may be marked
    """

    ended: Sequence[str] = ()
    marked: Sequence[str] = ()

    def without(self, tasks: Collection[str]) -> Kept:
        """The same without tasks whose outcomes the state adds itself."""
        return Kept(
            tuple(task for task in self.ended if task not in tasks),
            tuple(task for task in self.marked if task not in tasks),
        )

    def output(self, own: Mapping[str, Value], *, exactly: bool, marks: Node | None = None) -> Value:
        """The Output of a state: what is kept, and ``own``.

        :param own: task id -> value
        :param exactly: nothing else may pass (at the end of a branch); else the whole input may
        :param marks: an object of further marks, or nothing
        """
        short = exactly or self._is_short
        if short and not self.marked and marks is None:
            return self._from_input() | dict(own)
        further = () if marks is None else (marks,)
        if not short:
            return merged(INPUT, own, *further)
        found = lifted(self._from_input() | dict(own))
        return merged(found, *further) if further else found

    def with_optional(self, own: Mapping[str, Node], *bindings: Bind, exactly: bool = False) -> Node:
        """The same where the values of ``own`` may be nothing.

        :param bindings: of variables that ``own`` uses
        """
        found = lifted(self._from_input() | dict(own)) if exactly or self._is_short else merged(INPUT, own)
        return Block((*bindings, found)) if bindings else found

    def arguments(self) -> Value:
        """The Arguments of a Parallel: what its branches start with."""
        return lifted(self._from_input()) if self.marked else self._from_input()

    def collected(self, *, exactly: bool) -> Node:
        """The Output of a Parallel: the outcomes its branches hand back, and what is kept of its input."""
        if not self.ended and not self.marked:
            return call("merge", RESULT)
        kept = self._from_input() if exactly or self._is_short else INPUT
        return call("merge", call("append", array(kept), RESULT))

    def received(self, handed_back: Node, *, exactly: bool) -> Node:
        """The Output of a state that another machine has worked for: what that hands back, and what is kept of its
        input."""
        if not self.ended and not self.marked:
            return handed_back
        return merged(self._from_input() if exactly or self._is_short else INPUT, handed_back)

    @property
    def _is_short(self) -> bool:
        return len(self.ended) + len(self.marked) <= _NAMED_ONE_BY_ONE

    def _from_input(self) -> dict[str, Node]:
        return {task: INPUT.field(task) for task in sorted((*self.ended, *self.marked))}
