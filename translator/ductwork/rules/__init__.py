"""The registry of rules: built-in ones and those of other packages (entry-point group ``ductwork.rules``)."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points

from ductwork.diagnostics import Diagnostics
from ductwork.ir import ANY_DAG, BatchJob, Container, Work, Worker
from ductwork.ir.per_instance import combined
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.rules.base import Decline, Rule

log = logging.getLogger(__name__)


def _built_in() -> Iterator[Rule]:
    """The ``RULE`` of each module of this folder that has one."""
    for module in pkgutil.iter_modules(__path__):
        rule = getattr(importlib.import_module(f"{__name__}.{module.name}"), "RULE", None)
        if isinstance(rule, Rule):
            yield rule


# What is for a class alone goes before what is for its subclasses too.
BUILTIN: tuple[Rule, ...] = tuple(sorted(_built_in(), key=lambda rule: (rule.subclasses, rule.name)))


@cache
def registry() -> tuple[Rule, ...]:
    """All rules. Those of other packages come first, so that they can take precedence.

    :raises ValueError: two rules share a name
    """
    rules = (*(point.load() for point in entry_points(group="ductwork.rules")), *BUILTIN)
    names = [rule.name for rule in rules]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two rules are named {', '.join(doubled)}: rename one of them")
    return rules


def lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work:
    """The work of one task: from the first rule that takes it, else Airflow's own code in a worker."""
    findings = Diagnostics()
    work = _lower(task, findings)
    if task.clocked and not (work.has_worker or work.is_empty):
        findings, work = _parsed_again(task, work)
    diagnostics.extend(findings)
    if (
        work.has_worker
        and not work.submits_container
        and (needs := next((rule.needs for rule in registry() if rule.needs and rule.applies(task)), ""))
    ):
        hint = f"there it needs {needs}; if that is right, say so: executor_config={{'ductwork': {{'native': False}}}}"
        what = f"Airflow's own operator runs in a worker: {work.why}"
        diagnostics.add("DW408", task.origin, what, hint, task_id=task.task_id)
    return work


def _parsed_again(task: TaskSnapshot, work: Work) -> tuple[Diagnostics, Work]:
    """Leave a task to a worker: what it takes from the clock stays as compiled, and a worker parses the file again.

    :param work: what the task would be without a worker
    """
    findings = Diagnostics()
    for name in task.clocked:
        what = f"{name} depends on the clock or on chance, so a worker parses the file and runs Airflow's own operator"
        hint = "take it from the run instead, as {{ ds }} or {{ run_id }}, and no container of Ductwork's is needed"
        findings.add("DW115", task.origin, what, hint, task_id=task.task_id, field=name)
    why = f"{', '.join(task.clocked)} may be another each time the file is parsed: a worker parses it"
    left = work.in_worker(why)
    if left.submits is not None and left.submits.container is not None:
        # A definition may take from the clock, too.
        left = left.submitting(replace(left.submits, container=replace(left.submits.container, fixed=False)))
    return findings, left


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work:
    if task.is_mapped:
        return _lower_mapped(task, diagnostics)
    reasons = ["in a mapped task group: a container for each instance"] if task.mapped_group else []
    for rule in registry():
        if not rule.applies(task):
            continue
        try:
            work = rule.lower(task, diagnostics)
        except Exception as error:  # noqa: BLE001 -- a rule of another package may raise anything
            return _broken(rule, task, error, diagnostics)
        if not isinstance(work, Decline):
            return work
        reasons.append(work.why)
    why = "; ".join(reasons) or f"{task.operator.rsplit('.', 1)[-1]} runs as Airflow runs it, in a container"
    return Worker(why)


def _broken(rule: Rule, task: TaskSnapshot, error: Exception, diagnostics: Diagnostics) -> Work:
    log.debug("rule %s", rule.name, exc_info=error)
    what = f"the rule {rule.name} broke on this {task.operator.rsplit('.', 1)[-1]}: {type(error).__name__}: {error}"
    hint = (
        "tell whoever has written the rule; until then executor_config={'ductwork': {'native': False}} does without it"
    )
    diagnostics.add("DW409", task.origin, what, hint, task_id=task.task_id)
    return Worker(what)


def _lower_mapped(task: TaskSnapshot, diagnostics: Diagnostics) -> Work:
    """Native if the file has every instance and they are jobs that differ in their requests alone."""
    findings = Diagnostics()
    works = [lower(instance, findings) for instance in task.instances]
    job = combined(works)
    why = "mapped: a container for each instance"
    container = any(rule.container(task) for rule in registry() if rule.container is not None and rule.applies(task))
    if job is not None or container:
        diagnostics.extend(dict.fromkeys(findings))
    if container:
        submits = BatchJob(why, request={}, push_job_id=False, container=Container(image="", fixed=False))
        return Worker(f"{why}, whose job a worker submits", submits=submits)
    starts = dict.fromkeys(dag_id for work in works for dag_id in work.starts_runs_of)
    if not works and any(rule.starts_runs and rule.applies(task) for rule in registry()):
        starts = {ANY_DAG: None}
    return job or Worker(why, starts=tuple(starts))
