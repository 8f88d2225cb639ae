"""Data flow through a state machine: what every path provides to each state, by abstract interpretation.

A scope is run to a fixed point over pairs (shape of the state data, variables assigned), joined by *meet*: what a state may
read is what all paths that lead to it provide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asl_expressions import ANY, SCALAR, Scope, Shape, meet, shape_of
from asl_problem import Problem
from ductwork.contracts import machine_bundle
from ductwork.contracts.names import state_name

_ERROR_OUTPUT = {"Error": SCALAR, "Cause": SCALAR}
_TOKEN = (".sync", ".sync:2", ".waitForTaskToken")


@dataclass(frozen=True)
class _Fact:
    shape: Shape
    variables: frozenset[str]

    def join(self, other: _Fact) -> _Fact:
        return _Fact(meet(self.shape, other.shape), self.variables & other.variables)


def check_flow(machine: dict[str, Any], parts: dict[str, Any] | None = None) -> Iterator[Problem]:
    """
    :param parts: the machines that it starts, or that these start, by suffix; each is run with what it is given
    """
    _PARTS.update(parts or {})
    for each in (machine, *(parts or {}).values()):
        yield from _check_names(each, frozenset())
    problems: list[Problem] = []
    # Nothing is certain about an execution's input.
    _run(machine, _Fact({}, frozenset()), problems)
    yield from dict.fromkeys(problems)


# Child machines by suffix; a suffix stands for one definition.
_PARTS: dict[str, dict[str, Any]] = {}


def _started(name: str, state: dict[str, Any]) -> dict[str, Any]:
    """The child machine that a state starts."""
    (suffix,) = machine_bundle.children({"States": {name: state}})
    return _PARTS[suffix]


def _assigned(scope: dict[str, Any]) -> set[str]:
    names: set[str] = set()
    for state in scope["States"].values():
        for holder in (state, *state.get("Choices", ()), *state.get("Catch", ())):
            names |= holder.get("Assign", {}).keys()
    return names


def _check_names(scope: dict[str, Any], outer: frozenset[str]) -> Iterator[Problem]:
    own = _assigned(scope)
    for name in own & outer:
        yield Problem("shadow", f"scope of {scope['StartAt']}", f"${name} belongs to an enclosing scope")
    for name in own:
        if not name.isidentifier() or len(name) > 80 or name == "states":
            yield Problem("variable", f"scope of {scope['StartAt']}", f"{name!r} is no variable name")
    for state in scope["States"].values():
        inner = [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        for nested in inner:
            yield from _check_names(nested, outer | own)


def _facts(scope: dict[str, Any], entry: _Fact) -> dict[str, _Fact]:
    facts = {scope["StartAt"]: entry}
    waiting = [scope["StartAt"]]
    while waiting:
        name = waiting.pop(0)
        if name not in scope["States"]:
            continue
        for target, fact in _Transfer(name, scope["States"][name], facts[name], _Unheard()).edges():
            joined = facts[target].join(fact) if target in facts else fact
            if target and joined != facts.get(target):
                facts[target] = joined
                waiting.append(target)
    return facts


class _Unheard(list[Problem]):
    """Problems of a state whose fact is not final yet."""

    def append(self, problem: Problem, /) -> None:
        pass


# What scopes hand back where nobody hears of problems: without it, each level of nesting would double the work.
_HANDED_BACK: dict[tuple[int, str], tuple[dict[str, Any], Shape]] = {}


def _run(scope: dict[str, Any], entry: _Fact, problems: list[Problem]) -> Shape:
    """Check a scope; the shape of what it hands back, None if it never ends well."""
    if not isinstance(problems, _Unheard):
        return _check(scope, entry, problems)
    key = (id(scope), f"{entry.shape} {sorted(entry.variables)}")
    known = _HANDED_BACK.get(key)
    # An id may be another scope's by now.
    if known is None or known[0] is not scope:
        known = _HANDED_BACK[key] = (scope, _check(scope, entry, problems))
    return known[1]


def _check(scope: dict[str, Any], entry: _Fact, problems: list[Problem]) -> Shape:
    ends: list[Shape] = []
    for name, fact in _facts(scope, entry).items():
        state = scope["States"].get(name)
        if state is not None:
            ends += [out.shape for target, out in _Transfer(name, state, fact, problems).edges() if not target]
    result: Shape = ends[0] if ends else None
    for shape in ends[1:]:
        result = meet(result, shape)
    return result


class _Transfer:
    """What one state makes of a fact."""

    def __init__(self, name: str, state: dict[str, Any], fact: _Fact, problems: list[Problem]) -> None:
        self.name, self.state, self.fact, self.problems = name, state, fact, problems

    def edges(self) -> Iterator[tuple[str, _Fact]]:
        """``(next state, fact)``; the name is empty where the scope ends."""
        kind = self.state["Type"]
        if kind == "Fail":
            for field in ("Error", "Cause"):
                self._shape(self.state.get(field, ""), self._scope(), field)
        elif kind == "Choice":
            yield from self._choice()
        else:
            result = getattr(self, f"_{kind.lower()}", lambda: None)()
            scope = self._scope(result=result)
            default = self.fact.shape if result is None else result
            yield self.state.get("Next", ""), self._leave(self.state, scope, default, "")
            yield from self._catchers()

    def _scope(self, **known: Any) -> Scope:
        return Scope(self.fact.shape, self.fact.variables, problems=self.problems, **known)

    def _shape(self, value: Any, scope: Scope, field: str) -> Shape:
        return shape_of(value, scope, f"{self.name}/{field}")

    def _leave(self, holder: dict[str, Any], scope: Scope, default: Shape, path: str) -> _Fact:
        shape = self._shape(holder["Output"], scope, f"{path}Output") if "Output" in holder else default
        assigned = holder.get("Assign", {})
        self._shape(assigned, scope, f"{path}Assign")
        return _Fact(shape, self.fact.variables | assigned.keys())

    def _choice(self) -> Iterator[tuple[str, _Fact]]:
        scope = self._scope()
        for number, rule in enumerate(self.state.get("Choices", ())):
            self._shape(rule.get("Condition", ""), scope, f"Choices/{number}/Condition")
            yield rule.get("Next", ""), self._leave(rule, scope, self.fact.shape, f"Choices/{number}/")
        if "Default" in self.state:
            yield self.state["Default"], self._leave(self.state, scope, self.fact.shape, "")

    def _catchers(self) -> Iterator[tuple[str, _Fact]]:
        scope = self._scope(error=True)
        for number, catcher in enumerate(self.state.get("Catch", ())):
            yield catcher.get("Next", ""), self._leave(catcher, scope, _ERROR_OUTPUT, f"Catch/{number}/")

    def _task(self) -> Shape:
        token = str(self.state.get("Resource", "")).endswith(_TOKEN)
        given = self._shape(self.state.get("Arguments", {}), self._scope(token=token), "Arguments")
        for field in ("TimeoutSeconds", "HeartbeatSeconds", "Credentials"):
            self._shape(self.state.get(field, ""), self._scope(), field)
        if self.state.get("Resource") == machine_bundle.START:
            result = _run(_started(self.name, self.state), _Fact(given["Input"], frozenset()), self.problems)
            return {"Output": ANY if result is None else result}
        return ANY

    def _wait(self) -> None:
        for field in ("Seconds", "Timestamp"):
            self._shape(self.state.get(field, ""), self._scope(), field)

    def _parallel(self) -> Shape:
        entry = self.fact.shape
        if "Arguments" in self.state:
            entry = self._shape(self.state["Arguments"], self._scope(), "Arguments")
        results = [_run(branch, _Fact(entry, self.fact.variables), self.problems) for branch in self.state["Branches"]]
        owners: dict[str, int] = {}
        carried_out = [set(_state_names(branch)) for branch in self.state["Branches"]]
        merged = "$merge" in str(self.state.get("Output")) and "$states.result" in str(self.state["Output"])
        for number, result in enumerate(results if merged else ()):
            for key in result if isinstance(result, dict) else ():
                owner = owners.setdefault(key, number)
                # The mark of a task that none of them carries out, each may have made.
                if owner != number and any(carried_out[at] & _ending(key) for at in (owner, number)):
                    what = f"branches {owner} and {number} both hand back {key!r}"
                    self.problems.append(Problem("collision", self.name, what))
        return [ANY if result is None else result for result in results]

    def _map(self) -> Shape:
        for field in ("Items", "MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"):
            self._shape(self.state.get(field, ""), self._scope(), field)
        entry: Shape = ANY
        if "ItemSelector" in self.state:
            entry = self._shape(self.state["ItemSelector"], self._scope(), "ItemSelector")
        processor = self.state["ItemProcessor"]
        distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
        variables = frozenset() if distributed else self.fact.variables
        _run(processor, _Fact(entry, variables), self.problems)
        return ANY


def _state_names(scope: dict[str, Any]) -> Iterator[str]:
    """The names of all states in a scope, at any depth."""
    for name, state in scope["States"].items():
        yield name
        for inner in (*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])):
            yield from _state_names(inner)
        if state.get("Resource") == machine_bundle.START:
            yield from _state_names(_started(name, state))


def _ending(task_id: str) -> set[str]:
    """The names of states of which one ends a task."""
    return {state_name(text) for text in (task_id, f"Record {task_id}", f"each of {task_id}")}
