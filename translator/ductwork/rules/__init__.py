"""The registry of rules: built-in ones and those of other packages (entry-point group ``ductwork.rules``)."""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import entry_points

from ductwork.diagnostics import Diagnostics
from ductwork.instances import combined
from ductwork.ir import Work, Worker
from ductwork.rules import batch_job, docker, ecs_task, empty, kubernetes_pod, time_sensor, worker
from ductwork.rules.base import Decline, Rule
from ductwork.snapshot import TaskSnapshot

log = logging.getLogger(__name__)

BUILTIN: tuple[Rule, ...] = (
    *(empty.RULE, batch_job.RULE, docker.RULE, kubernetes_pod.RULE, ecs_task.RULE),
    *(time_sensor.RULE, worker.RULE),
)


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
    work = _lower(task, diagnostics)
    needs = next((rule.needs for rule in registry() if rule.needs and rule.applies(task)), "")
    if needs and isinstance(work, Worker):
        hint = f"there it needs {needs}; if that is right, say so: executor_config={{'ductwork': {{'native': False}}}}"
        what = f"Airflow's own operator runs in a worker: {work.why}"
        diagnostics.add("DW408", task.origin, what, hint, task_id=task.task_id)
    return work


def _lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work:
    if task.is_mapped:
        return _lower_mapped(task, diagnostics)
    reasons = ["in a mapped task group: a container for each instance"] if task.group else []
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
    """Native where the file tells every instance, and each is a job that differs from the others in its request."""
    found = Diagnostics()
    job = combined([lower(instance, found) for instance in task.instances])
    if job is None:
        return Worker("mapped: a container for each instance")
    diagnostics.extend(dict.fromkeys(found))
    return job
