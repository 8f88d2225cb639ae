"""Two loads of a DAG file, under two clocks, compared: what differs, and what happens to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.frontend import fields
from ductwork.ir.snapshot import DagSnapshot, Opaque, TaskSnapshot
from ductwork.ir.templating import Parameter, Templating
from ductwork.ir.window import common

# What parsing the file in a worker cannot make good: which tasks there are, and how they hang together.
_SHAPE = {
    "operator": "its operator",
    "is_empty": "whether there is anything to do",
    "upstream": "what it depends on",
    "trigger_rule": "its trigger rule",
    "group_path": "its task group",
    "mapped_group": "its mapped task group",
    "is_mapped": "whether it is mapped",
    "length": "how much it is expanded over",
    "is_setup": "whether it is a setup",
    "is_teardown": "whether it is a teardown",
    "fails_run": "whether its failure fails the run",
}
# What the operator works with, and a worker finds when it parses the file.
_WORK = ("arguments", "instances", "template_fields", "template_ext", "redefines")
# What is compared in another way, follows from something else, or is about the file and not about the DAG.
_APART = {"task_id", "origin", "ancestors", "read_by", "setups", "settings", "clocked", "window", "templating"}
_APART |= {*_SHAPE, *_WORK}
_DAG_APART = {"dag_id", "schedule", "timetable", "origin", "dag_file", "bundle_path"}
_DAG_APART |= {"tasks", "mapped_groups", "task_groups"}

_HINT = "take it from the run instead: {{ ds }} or {{ run_id }} in a template, a branch, or expand()"


def compared(
    first: Sequence[DagSnapshot], second: Sequence[DagSnapshot], diagnostics: Diagnostics
) -> list[DagSnapshot]:
    """The DAGs of the first load, with what of each task's work differs in the second (``TaskSnapshot.clocked``).

    Everything else that differs is reported here: what gives the DAG its shape as errors, the rest as warnings.
    """
    here, there = ({dag.dag_id: dag for dag in dags} for dags in (first, second))
    for dag_id, dag in _by_line(here, there):
        what = "the id of the DAG, or whether there is one, depends on the clock or on chance"
        diagnostics.add("DW116", dag.origin, what, "give it an id that stays", dag_id=dag_id)
    return [_Pair(dag, there[dag.dag_id], diagnostics).result() if dag.dag_id in there else dag for dag in first]


def _by_line(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """``(id, value)`` of what only one of two loads has: the first of each line, since a loop may make hundreds."""
    first: dict[Origin, tuple[str, Any]] = {}
    for one, two in ((here, there), (there, here)):
        for name in sorted(one.keys() - two.keys()):
            first.setdefault(one[name].origin, (name, one[name]))
    return list(first.values())


class _Pair:
    """One DAG as it was loaded twice."""

    def __init__(self, dag: DagSnapshot, other: DagSnapshot, diagnostics: Diagnostics) -> None:
        self._dag, self._other, self._diagnostics = dag, other, diagnostics
        self._here, self._there = ({task.task_id: task for task in each.tasks} for each in (dag, other))
        self._stable_tasks = self._here.keys() & self._there.keys()
        self._stable_groups = dag.task_groups.keys() & other.task_groups.keys()

    def result(self) -> DagSnapshot:
        dag, other = self._dag, self._other
        for name in _differing(_rest(dag, _DAG_APART), _rest(other, _DAG_APART)):
            self._kept(dag.origin, name)
        # Its bounds are dates of the DAG, and dates are told by themselves.
        if dag.timetable and other.timetable and dag.timetable.when != other.timetable.when:
            self._kept(dag.origin, "schedule")
        self._check_ids()
        if not _same(dag.mapped_groups, other.mapped_groups):
            self._refuse(dag.origin, "how much its mapped task groups are expanded over depends")
        self._check_dates()
        return replace(dag, tasks=tuple(map(self._task, dag.tasks)))

    def _check_dates(self) -> None:
        """DW327: a date that differs binds no run, since each parse has another value."""
        pairs = [(task, self._there[task.task_id].window) for task in self._dag.tasks if task.task_id in self._there]
        moving = {name for task, other in pairs for name in task.window.beyond(other).facts()}
        for name in sorted(moving):
            what = f"{name} depends on the clock, so no task is left out of a run for being outside it"
            hint = f"give {name} a fixed date; Airflow has another one each time it parses the file"
            self._diagnostics.add("DW327", self._dag.origin, what, hint, dag_id=self._dag.dag_id, field=name)

    def _check_ids(self) -> None:
        unstable = _by_line(self._here, self._there)
        for task_id, task in unstable:
            self._refuse(task.origin, "which tasks there are, or their ids, depends", task_id=task_id)
        groups = self._dag.task_groups.keys() ^ self._other.task_groups.keys()
        # The id of a group is in those of its tasks, but where the author says prefix_group_id=False.
        if groups and not unstable:
            self._refuse(self._dag.origin, "which task groups there are, or their ids, depends")

    def _task(self, task: TaskSnapshot) -> TaskSnapshot:
        other = self._there.get(task.task_id)
        if other is None:
            return task
        one, two = self._stable(task), self._stable(other)
        if changed := next(_differing(*(_only(each, _SHAPE) for each in (one, two))), ""):
            self._refuse(task.origin, f"{_SHAPE[changed]} depends", task_id=task.task_id)
        for name in _differing(_rest(task, _APART) | _kept(task), _rest(other, _APART) | _kept(other)):
            self._kept(task.origin, name, task_id=task.task_id)
        window, templating = common([task.window, other.window]), _templating(task.templating, other.templating)
        return replace(task, clocked=_clocked(task, other), window=window, templating=templating)

    def _stable(self, task: TaskSnapshot) -> TaskSnapshot:
        """Without the ids that have been reported."""
        upstream = tuple(name for name in task.upstream if name in self._stable_tasks)
        group_path = tuple(name for name in task.group_path if name in self._stable_groups)
        mapped_group = task.mapped_group if task.mapped_group in self._stable_groups else ""
        return replace(task, upstream=upstream, group_path=group_path, mapped_group=mapped_group)

    def _refuse(self, origin: Origin, what: str, **about: str) -> None:
        what = f"{what} on the clock or on chance, and what is compiled has it once and for all"
        self._diagnostics.add("DW116", origin, what, _HINT, dag_id=self._dag.dag_id, **about)

    def _kept(self, origin: Origin, name: str, **about: str) -> None:
        what = f"{name} depends on the clock or on chance, and stays as it is now until the file is compiled again"
        hint = "say it without the clock; Airflow has another value each time it parses the file"
        self._diagnostics.add("DW117", origin, what, hint, dag_id=self._dag.dag_id, field=name, **about)


def _clocked(task: TaskSnapshot, other: TaskSnapshot) -> tuple[str, ...]:
    names = set(_differing(task.arguments, other.arguments))
    for one, two in zip(task.instances, other.instances, strict=False):
        names.update(_differing(one.arguments, two.arguments))
    names.update(name for name in _WORK[2:] if not _same(getattr(task, name), getattr(other, name)))
    return tuple(sorted(names))


def _templating(one: Templating | None, two: Templating | None) -> Templating | None:
    """What templates may name, without what differs: a template that names it is rendered where the file is parsed."""
    if one is None or two is None:
        return None
    moving = set(_differing(one.macros, two.macros))
    params = {name: each for templating in (two, one) for name, each in templating.params.items()}
    for name in params:
        if not _is_same_param(one.params.get(name), two.params.get(name)):
            params[name] = replace(params[name], clocked=True)
    return replace(
        one,
        params=params,
        macros={name: None if name in moving else one.macros.get(name) for name in one.macros},
        xcoms=tuple(task for task in one.xcoms if task in two.xcoms),
    )


def _is_same_param(one: Parameter | None, two: Parameter | None) -> bool:
    if one is None or two is None:
        return False
    return one.has_default == two.has_default and _same((one.default, one.schema), (two.default, two.schema))


def _kept(task: TaskSnapshot) -> dict[str, object]:
    """The settings that are compiled. A worker has those that Airflow's code reads from the file."""
    return {name: value for name, value in task.settings.items() if fields.TASK.get(name) != fields.WORKER}


def _only(snapshot: TaskSnapshot | DagSnapshot, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(snapshot, name) for name in names}


def _rest(snapshot: TaskSnapshot | DagSnapshot, apart: Iterable[str]) -> dict[str, Any]:
    return _only(snapshot, [each.name for each in fields_of(snapshot) if each.name not in apart])


def _differing(one: Mapping[str, object], two: Mapping[str, object]) -> Iterator[str]:
    return (name for name in sorted(one.keys() | two.keys()) if not _same(one.get(name), two.get(name)))


def _same(one: object, two: object) -> bool:
    if isinstance(one, Opaque) and isinstance(two, Opaque):
        return one.type_name == two.type_name
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(_same, one, two))
    return bool(one == two)
