"""How outcomes travel: the state data is an object of task id -> outcome, holding what later states still need.

Outcomes are Airflow's terminal task instance states. A state that ends a task adds its outcome; a Parallel gives each
branch the outcomes it reads and takes from it the outcomes that are read later, so the data stays small. A task that
a branch has decided to skip has its outcome in the state data before its turn comes: its *mark*, which may be there or
not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ductwork.backends.stepfunctions import jsonata

# From this many outcomes on, passing the whole input along is shorter than naming them one by one.
_NAMED_ONE_BY_ONE = 4


@dataclass(frozen=True)
class Kept:
    """What a state passes on of its input.

    :param ended: tasks whose outcomes are certainly there
    :param marked: tasks that may be marked
    """

    ended: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()

    def without(self, tasks: Collection[str]) -> Kept:
        return Kept(
            tuple(task for task in self.ended if task not in tasks),
            tuple(task for task in self.marked if task not in tasks),
        )

    def output(self, own: Mapping[str, Any], *, exactly: bool, marks: str = "") -> Any:
        """The Output of a state: what is kept, and ``own``.

        :param own: task id -> value (a literal or a marked expression)
        :param exactly: nothing else may pass (at the end of a branch); else the whole input may
        :param marks: expression of an object of further marks, or of nothing
        """
        short = exactly or len(self.ended) + len(self.marked) <= _NAMED_ONE_BY_ONE
        if short and not self.marked and not marks:
            return {task: jsonata.expression(jsonata.of_input(task)) for task in self.ended} | dict(own)
        made = {task: _unmarked(value) for task, value in own.items()}
        first = _object(self._from_input() | made) if short else f"$states.input, {_object(made)}"
        if short and not marks:
            return jsonata.expression(first)
        further = f", {marks}" if marks else ""
        return jsonata.expression(f"$merge([{first}{further}])")

    def expression(self, own: Mapping[str, str], before: str = "") -> str:
        """The same where ``own`` holds unmarked expressions that may give nothing; the whole input may pass.

        :param before: bindings of variables that ``own`` uses
        """
        if len(self.ended) + len(self.marked) <= _NAMED_ONE_BY_ONE:
            made = _object(self._from_input() | dict(own))
        else:
            made = f"$merge([$states.input, {_object(own)}])"
        return jsonata.expression(f"( {before}{made} )" if before else made)

    def arguments(self) -> Any:
        """The Arguments of a Parallel: what its branches start with."""
        if not self.marked:
            return {task: jsonata.expression(jsonata.of_input(task)) for task in self.ended}
        return jsonata.expression(_object(self._from_input()))

    def collected(self, *, exactly: bool) -> str:
        """The Output of a Parallel: the outcomes its branches hand back, and what is kept of its input."""
        if not self.ended and not self.marked:
            return jsonata.expression("$merge($states.result)")
        if exactly or len(self.ended) + len(self.marked) <= _NAMED_ONE_BY_ONE:
            return jsonata.expression(f"$merge($append([{_object(self._from_input())}], $states.result))")
        return jsonata.expression("$merge($append([$states.input], $states.result))")

    def _from_input(self) -> dict[str, str]:
        return {task: jsonata.of_input(task) for task in sorted((*self.ended, *self.marked))}


def _object(values: Mapping[str, str]) -> str:
    pairs = (f"{jsonata.text(key)}: {value}" for key, value in values.items())
    return "{" + ", ".join(pairs) + "}"


def _unmarked(value: Any) -> str:
    if isinstance(value, dict):
        return _object({key: _unmarked(inner) for key, inner in value.items()})
    if isinstance(value, str) and value.startswith("{%"):
        return value[2:-2].strip()
    return jsonata.text(value) if isinstance(value, str) else str(value)
