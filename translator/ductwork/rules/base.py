"""What a rule is: how one family of operators becomes work.

A rule is one small file: data first, code last. To add one, write a module with a :class:`Rule` named ``RULE`` into
this folder (or, from another package, publish it under the entry-point group ``ductwork.rules``) and give it a golden
test; CONTRIBUTING.md goes through an example. A rule that cannot lower a task says why by returning :class:`Decline`;
the task then runs in a worker, where Airflow's own code does whatever the operator does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ductwork.contracts.stepfunctions_limits import MAX_TIMEOUT_SECONDS
from ductwork.diagnostics import Diagnostics
from ductwork.ir import Work
from ductwork.ir.snapshot import TaskSnapshot

# Settings that call user code around execute(), or that change how templates render.
_HOOKS = (
    "on_execute_callback",
    "on_failure_callback",
    "on_success_callback",
    "on_retry_callback",
    "on_skipped_callback",
    "pre_execute",
    "post_execute",
    "inlets",
    "outlets",
    "retry_policy",
    "email",
    "run_as_user",
    "render_template_as_native_obj",
    "jinja_environment_kwargs",
)


@dataclass(frozen=True)
class Decline:
    """Why a rule leaves a task to the worker."""

    why: str


@dataclass(frozen=True)
class Rule:
    """How one operator family lowers.

    :param name: unique; of a built-in rule the module's name
    :param operators: dotted names of the operator classes this rule is for
    :param subclasses: it is for their subclasses too (right only where subclasses cannot change what it lowers)
    :param lower: makes the work; reports what AWS would not accept as diagnostics
    :param container: whether an operator describes a container that Batch can run, told of a mapped task, of which no
        more is known: a worker of each instance then submits it as a job
    :param starts_runs: its operators start runs of other DAGs
    :param needs: what Airflow's own operator needs in a worker, where that is more than a worker has
    :param source: the operator's documentation; built-in rules have one, see :mod:`ductwork.diagnostics.sources`
    """

    name: str
    operators: tuple[str, ...]
    lower: Callable[[TaskSnapshot, Diagnostics], Work | Decline]
    subclasses: bool = False
    container: Callable[[TaskSnapshot], bool] | None = None
    starts_runs: bool = False
    needs: str = ""
    source: str = ""

    def applies(self, task: TaskSnapshot) -> bool:
        """Whether the task's operator is of this rule's family."""
        if not self.subclasses:
            return task.operator in self.operators
        return not set(self.operators).isdisjoint(task.ancestors)


def needs_airflow(task: TaskSnapshot) -> str | None:
    """A setting of the task that runs Airflow code, whatever the operator does; None if there is none."""
    if task.execution_timeout is not None and task.execution_timeout < 0:
        return "an execution_timeout that has passed before the task begins"
    return next((name for name in _HOOKS if task.settings.get(name)), None)


def waits_for_end(task: TaskSnapshot) -> bool:
    """Whether an operator of Amazon's provider ends with its job; a deferrable one always does."""
    return bool(task.arguments.get("deferrable") or task.arguments.get("wait_for_completion", True))


def time_limit(task: TaskSnapshot, own: float | None = None, *, waits: bool = True) -> int | None:
    """Whole seconds for one attempt of a task's job; None for no limit.

    :param own: what the operator itself tells the job
    :param waits: the task ends with the job; else execution_timeout says nothing about it
    """
    limits = [] if own is None else [own]
    waited = task.execution_timeout or 0  # which is no limit, as in Airflow
    # A bound of years is none either.
    if waits and 0 < waited <= MAX_TIMEOUT_SECONDS:
        limits.append(waited)
    return math.ceil(min(limits)) if limits else None
