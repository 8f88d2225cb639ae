"""What the rules of operators share that do no more than call AWS: a state makes the call, and no container runs.

Such a rule is a function from the operator's arguments to an :class:`~ductwork.ir.aws_call.AwsCall`. What holds of all
of them is here: what needs Airflow, templates, what AWS would refuse; docs/aws-calls.md goes through one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ductwork.contracts.service_models import Action
from ductwork.contracts.stepfunctions_limits import MAX_TIMEOUT_SECONDS
from ductwork.diagnostics import Diagnostics
from ductwork.ir import AwsCall, RunValue, Work
from ductwork.ir.aws_call import AwsDomain, Check, Failure, JsonText, Looks
from ductwork.ir.snapshot import Opaque, TaskSnapshot
from ductwork.rules.base import Decline, Rule, needs_airflow
from ductwork.templates import CannotLowerError, lower_value

# Set, these change who makes the call, or from where: a connection is known only where Airflow runs, and a state calls
# the Region of its machine. Without them, a worker on AWS calls that Region, too, with the rights of its role.
_NEED_AIRFLOW = {"aws_conn_id": "aws_default", "region_name": None, "verify": None, "botocore_config": None}


def _has_endless(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_endless, value.values()))
    if isinstance(value, list):
        return any(map(_has_endless, value))
    return isinstance(value, float) and not math.isfinite(value)


class Given:
    """The arguments of one operator, with expressions for templates."""

    def __init__(self, task: TaskSnapshot) -> None:
        self.task = task

    def __getitem__(self, name: str) -> object:
        """The value of an argument; None where it is not set.

        :raises CannotLowerError: it is known only where Airflow runs
        """
        value = self.task.arguments.get(name)
        if isinstance(value, Opaque):
            raise CannotLowerError(f"{name} is an object that only exists while Airflow runs ({value.type_name})")
        if _has_endless(value):
            raise CannotLowerError(f"{name} has a number that JSON does not have")
        if name not in self.task.template_fields:
            return value
        if isinstance(value, str) and self.task.template_ext and value.endswith(self.task.template_ext):
            raise CannotLowerError(f"{name} is read from the file {value}")
        return lower_value(value, self.task.templating)

    def constant(self, name: str) -> object:
        """The value of an argument in which nothing depends on the run.

        :raises CannotLowerError: something does
        """
        value = self[name]
        if value != self.task.arguments.get(name):
            raise CannotLowerError(f"{name} depends on the run")
        return value

    def number(self, name: str, otherwise: float) -> float:
        """The value of an argument that is a number; ``otherwise`` where it is not set.

        :raises CannotLowerError: it is something else
        """
        value = self.constant(name)
        if value is None:
            return otherwise
        if not isinstance(value, (int, float)):
            raise CannotLowerError(f"{name} is no number")
        return value

    def members(self, name: str) -> Mapping[str, object]:
        """The value of an argument that is a dictionary; an empty one where it is not set.

        :raises CannotLowerError: it is something else
        """
        value = self[name] or {}
        if not isinstance(value, Mapping):
            raise CannotLowerError(f"{name} is no dictionary")
        return value

    def is_set(self, *names: str) -> str:
        """The first of some arguments that has a value, empty if none has; False and what is empty are none."""
        return next((name for name in names if self.task.arguments.get(name) not in (None, False, "", [], {})), "")


def given_members(**members: object) -> dict[str, object]:
    """A request of those members that are set, as boto3's callers leave out what is None."""
    return {name: value for name, value in members.items() if value is not None}


_DOMAIN = "aws_domain"


def console_link(**members: object) -> dict[str, object]:
    """What operators leave for a link into AWS's console, where they push XComs at all."""
    return {"region_name": RunValue("region"), _DOMAIN: AwsDomain(), **members}


def json_text(value: object) -> str | JsonText:
    """The JSON text of a value, as Python writes it where nothing in it depends on the run."""
    return JsonText(value) if depends_on_run(value) else json.dumps(value)


def depends_on_run(value: object) -> bool:
    """Whether there is an expression in a value, at whatever depth."""
    if isinstance(value, Mapping):
        return any(map(depends_on_run, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(depends_on_run, value))
    return not (value is None or isinstance(value, (str, int, float)))


def waiter(
    name: str, look: tuple[str, str, Mapping[str, object]], *, done: Check, delay: float, attempts: float
) -> Looks:
    """What a waiter of boto3 does.

    :param look: service, action and arguments
    :param delay: seconds between two looks
    """
    service, action, arguments = look
    gives_up = f"WaiterError: Waiter {name} failed: Max attempts exceeded"
    return Looks(service, action, arguments, done, delay, limit=delay * attempts, gives_up=gives_up)


def waiter_failure(name: str, path: tuple[str, ...], value: str) -> Failure:
    """That a waiter of boto3 finds a value for which it gives up."""
    found = f'For expression "{".".join(path)}" matched expected path: "{value}"'
    error = f"WaiterError: Waiter {name} failed: Waiter encountered a terminal failure state: {found}"
    return Failure(Check(path, (value,)), error)


# Of a table of arguments: the argument whose members are members of the request.
OTHERS = "*"
Make = Callable[[Given], "AwsCall | Decline"]
"""Makes the call of an operator's arguments; a CannotLowerError leaves the task to a worker, as Decline does."""


def call_rule(name: str, makes: Mapping[str, Make], source: str, *, arguments: Mapping[str, str] | None = None) -> Rule:
    """The rule of a family of operators that call AWS.

    :param name: the module's
    :param makes: by dotted name of the operator's class
    :param arguments: which argument of the operators a member of the request is made of, for diagnostics
    """

    def lower(task: TaskSnapshot, diagnostics: Diagnostics) -> Work | Decline:
        return _lower(task, diagnostics, makes[task.operator], arguments or {})

    return Rule(name=name, operators=tuple(makes), lower=lower, source=source)


def _lower(task: TaskSnapshot, diagnostics: Diagnostics, make: Make, arguments: Mapping[str, str]) -> Work | Decline:
    for name, default in _NEED_AIRFLOW.items():
        if task.arguments.get(name) not in (None, default):
            return Decline(f"{name} is set, so Airflow's own operator makes the call from a worker")
    if setting := needs_airflow(task):
        return Decline(f"{setting} is set, and it runs Airflow code, so a worker makes the call")
    try:
        work = make(Given(task))
    except CannotLowerError as error:
        return Decline(f"{error}, so a worker makes the call")
    if isinstance(work, Decline):
        return work
    for problem in Action(work.service, work.action).problems(work.arguments):
        what = f"AWS refuses {work.service} {work.action}: {'.'.join(problem.path)}: {problem.what}"
        hint = "give what the action takes, as boto3's documentation lists it"
        field = arguments.get(problem.path[0], arguments.get(OTHERS, ""))
        diagnostics.add("DW410", task.origin, what, hint, task_id=task.task_id, field=field)
    if not task.settings.get("do_xcom_push", True):
        links = {key: link for key, link in work.links.items() if not (isinstance(link, dict) and _DOMAIN in link)}
        work = replace(work, returns=None, links=links)
    return replace(work, timeout=_time_limit(task))


def _time_limit(task: TaskSnapshot) -> float | None:
    limit = task.execution_timeout or 0  # which is no limit, as in Airflow
    return limit if 0 < limit <= MAX_TIMEOUT_SECONDS else None
