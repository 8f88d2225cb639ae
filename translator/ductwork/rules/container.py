"""What the rules of container operators share: reading arguments, and reporting those that AWS Batch cannot take.

Every argument is in one of three tables of its family (:class:`Arguments`), or the rule reads it. What cannot go into
a Batch job is an error, never left out in silence: the author leaves the argument out, says that the container does
without it (``ignore``), or keeps Airflow's own operator in a worker (``native``).

What only Airflow can tell once the task runs (templates, XComs), or does around a task (callbacks), is left to a
worker: it reads the operator again by the same rule, rendered, and submits the container's job in its place.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ductwork.diagnostics import Diagnostics
from ductwork.ir import BatchJob, Concat, Expr, RunValue, Text, Work, Worker
from ductwork.ir.snapshot import Opaque, TaskSnapshot
from ductwork.templates import CannotLowerError, lower_template

# Settings that run Airflow's code around a task. Failure callbacks and e-mails are not among them: the state machine
# starts a worker for them, as it does for a worker that has died.
_HOOKS = (
    *("on_execute_callback", "on_success_callback", "on_retry_callback", "on_skipped_callback"),
    *("pre_execute", "post_execute", "retry_policy", "outlets"),
)
# Names in the body of a subclass that do not change what its container is or how it is run.
_LOOKS = {
    *("template_fields", "template_ext", "template_fields_renderers", "ui_color", "ui_fgcolor"),
    *("custom_operator_name", "operator_extra_links", "BASE_CONTAINER_NAME", "_abc_impl", "partial"),
}
_WORKER_IMAGE = "executor_config={'ductwork': {'worker_image': True}}"
_UNSET: tuple[object, ...] = (None, False, "", [], {})


@dataclass(frozen=True)
class Arguments:
    """What happens to a family's arguments.

    :param harmless: those that say nothing to Batch, and why leaving them out changes nothing
    :param refused: those without a counterpart on Batch, and what to do instead
    :param warned: those that mean something else there, and what
    :param defaults: values that mean "not set" and are not empty
    """

    harmless: Mapping[str, str]
    refused: Mapping[str, str]
    warned: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)

    def is_set(self, name: str, value: object) -> bool:
        """Whether the author has given an argument a value with an effect."""
        return value not in _UNSET and not (name in self.defaults and value == self.defaults[name])


class Reader:
    """The arguments of one task, and how to report them."""

    def __init__(self, task: TaskSnapshot, diagnostics: Diagnostics, arguments: Arguments) -> None:
        self.task, self._diagnostics, self._arguments = task, diagnostics, arguments
        self._left: dict[str, None] = {}
        self._fixed = True
        for name, instead in arguments.refused.items():
            if self.is_set(name):
                self.refuse(name, f"AWS Batch has nothing like {name}", instead)
        for name, what in arguments.warned.items():
            if self.is_set(name):
                self.warn(name, what)
        for name in _HOOKS:
            if task.settings.get(name):
                self.leave(name, f"{name} is set, and it runs Airflow's code")
        if task.settings.get("jinja_environment_kwargs"):
            self.leave("jinja_environment_kwargs", "the DAG's jinja_environment_kwargs change how templates render")

    def is_set(self, name: str) -> bool:
        """Whether the task has an argument with a value that has an effect."""
        return self._arguments.is_set(name, self.task.arguments.get(name))

    def work(self, job: BatchJob) -> Work:
        """The job, as nobody but AWS need carry it out; or a worker that submits it, if anything was left to one."""
        if not self._left:
            self._warn_of_emails()
            return job
        container = job.container
        assert container is not None
        why = f"{'; '.join(self._left)}: a worker submits the container's job"
        return Worker(why, submits=replace(job, container=replace(container, fixed=self._fixed)))

    # ---- reports ----

    def leave(self, name: str, why: str, *, fixed: bool = True) -> None:
        """Leave something to a worker.

        :param name: the argument
        :param fixed: a job definition that is made now is right all the same
        """
        if not self.task.rendered:
            self._left[why] = None
            self._fixed = self._fixed and fixed

    def refuse(self, name: str, what: str, instead: str) -> None:
        """An argument that Batch cannot honour."""
        self._add("DW402", name, what, f"{instead}; or say that the container does without it: {_ignored(name)}")

    def warn(self, name: str, what: str) -> None:
        """An argument that Batch honours in its own way."""
        self._add("DW406", name, what, f"if that is right, say so: {_ignored(name)}")

    def unknown(self, name: str, what: str) -> None:
        """A value that is not what the argument takes."""
        hint = "mend it, or keep Airflow's own operator: executor_config={'ductwork': {'native': False}}"
        self._add("DW407", name, what, hint)

    def entrypoint(self, name: str) -> None:
        """DW404: words that replace the image's entrypoint.

        :param name: the argument that has them
        """
        what = f"Batch runs {name} as arguments of the image's entrypoint, which it cannot replace"
        hint = f"if the image has none, or one that runs its arguments, say so: {_ignored(name)}"
        self._add("DW404", name, what, hint)

    def login(self, name: str, by: str) -> None:
        """DW406: what logs Docker or Kubernetes in to a registry, and not AWS."""
        what = f"{by} cannot log AWS in to the image's registry; ECR needs no login but the execution role"
        self.warn(name, f"{what}, of another one registry_credentials names a secret")

    def xcom(self, what: str, hint: str) -> None:
        """DW403: an XCom that Ductwork could keep, if it were in the image."""
        self._add("DW403", "do_xcom_push", what, f"{hint}; or put Ductwork into its image and say so: {_WORKER_IMAGE}")

    def nothing_to_push(self, what: str, hint: str) -> None:
        """DW403: an XCom that nothing on AWS could produce."""
        self._add("DW403", "do_xcom_push", what, hint)

    def _add(self, code: str, name: str, what: str, hint: str) -> None:
        self._diagnostics.add(code, self.task.origin, what, hint, task_id=self.task.task_id, field=name)

    def _warn_of_emails(self) -> None:
        task = self.task
        if task.settings.get("email") and task.retries and task.settings.get("email_on_retry"):
            self.warn("email_on_retry", "nobody sends an e-mail when the job is tried again")

    # ---- values ----

    def told(self, name: str, value: object, *, fixed: bool = True) -> Expr | str | None:
        """A text of an argument, templates lowered; None if it is left to a worker.

        :param fixed: it is no part of a job definition
        """
        if isinstance(value, Opaque):
            self.opaque(name, value, fixed=fixed)
            return None
        if not isinstance(value, str):
            return str(value)
        if self.task.rendered or name not in self.task.template_fields:
            return value
        try:
            return self._lower(value)
        except CannotLowerError as error:
            self.leave(name, str(error), fixed=fixed)
            return None

    def text(self, name: str, value: object) -> Expr | str:
        """As :meth:`told`; empty if it is left to a worker."""
        told = self.told(name, value)
        return "" if told is None else told

    def opaque(self, name: str, value: Opaque, *, fixed: bool = False) -> None:
        """An object in place of data: a worker may find data there, such as an XCom; after that nobody will."""
        what = f"{name} holds {_shown(value)}"
        if self.task.rendered:
            self.unknown(name, what)
        self.leave(name, what, fixed=fixed)

    def _lower(self, value: str) -> Expr | str:
        if self.task.template_ext and value.endswith(self.task.template_ext):
            raise CannotLowerError(f"Airflow takes {value!r} for the name of a file to read, as it ends")
        lowered = lower_template(value, self.task.templating)
        if self.task.settings.get("render_template_as_native_obj") and not _stays_text(lowered):
            raise CannotLowerError(f"render_template_as_native_obj makes something else than text of {value!r}")
        return lowered

    def constant(self, name: str, value: object) -> str:
        """A text that a job definition holds, so that it cannot depend on the run."""
        lowered = self.told(name, value, fixed=False)
        if lowered is not None and not isinstance(lowered, str):
            self.leave(name, f"{name} depends on the run, and a job definition is the same for all runs", fixed=False)
        return lowered if isinstance(lowered, str) else ""

    def texts(self, name: str, values: object) -> tuple[Expr | str, ...]:
        """A list of texts, each as :meth:`text` lowers it; empty for anything else, which is reported."""
        if not isinstance(values, list):
            self._other(name, values, "list of texts", fixed=True)
            return ()
        return tuple(self.text(name, value) for value in values)

    def variables(self, name: str, values: object) -> dict[str, Expr | str]:
        """A dictionary of texts, each as :meth:`text` lowers it; empty for anything else, which is reported."""
        if not isinstance(values, Mapping):
            self._other(name, values, "dictionary of names and values", fixed=True)
            return {}
        return {key: self.text(name, value) for key, value in values.items()}

    def record(self, name: str, value: object) -> Mapping[str, object]:
        """A dictionary, or nothing; anything else is reported."""
        return self._record(name, value, fixed=False)

    def _record(self, name: str, value: object, *, fixed: bool) -> Mapping[str, object]:
        if value is not None and not isinstance(value, Mapping):
            self._other(name, value, "dictionary", fixed=fixed)
        return value if isinstance(value, Mapping) else {}

    def records(self, name: str, values: object, *, fixed: bool = False) -> list[Mapping[str, object]]:
        """The dictionaries of a list, or nothing; anything else is reported and left out.

        :param fixed: it is no part of a job definition
        """
        if values is not None and not isinstance(values, list):
            self._other(name, values, "list", fixed=fixed)
        return [self._record(name, value, fixed=fixed) for value in values] if isinstance(values, list) else []

    def _other(self, name: str, value: object, wanted: str, *, fixed: bool) -> None:
        """Something else than data of the wanted kind. A template may become that, where it renders to objects."""
        if isinstance(value, Opaque):
            self.opaque(name, value, fixed=fixed)
        elif isinstance(value, str) and "{{" in value and name in self.task.template_fields and not self.task.rendered:
            self.leave(name, f"{name} is a template of the whole {wanted}", fixed=fixed)
        else:
            self.unknown(name, f"{name} is no {wanted} but {_shown(value)}")

    # Any: float() is asked whether it is a number.
    def number(self, name: str, value: Any) -> float | None:
        """An amount from 0 up, or None; anything else is reported."""
        try:
            if value is None or 0 <= (number := float(value)) < math.inf:
                return None if value is None else number
        except (TypeError, ValueError, OverflowError):
            pass
        if isinstance(value, Opaque):
            self.opaque(name, value)
        else:
            self.unknown(name, f"{name} has {_shown(value)} where a number is wanted")
        return None


def own_value(task: TaskSnapshot, key: str) -> object:
    """A deployment value of the task's own ``executor_config``, as written there."""
    config = task.executor_config if isinstance(task.executor_config, Mapping) else {}
    section = config.get("ductwork")
    return section.get(key) if isinstance(section, Mapping) else None


def own_code(task: TaskSnapshot, operators: tuple[str, ...]) -> str | None:
    """What a user's subclass of a container operator does in its own way; None if it only sets arguments."""
    for cls, names in task.redefines.items():
        if cls in operators:
            return None
        changed = [name for name in names if name not in _LOOKS and not name.startswith("__")]
        if changed:
            return f"{cls.rpartition('.')[2]} has its own {changed[0]}"
    return None


def _ignored(name: str) -> str:
    """How an author says that an argument may be left out: of one task, or of all."""
    one = f"executor_config={{'ductwork': {{'ignore': ['{name}']}}}}"
    return f"{one}; for all DAGs [ductwork] ignore = {name} in airflow.cfg, or --ignore {name}"


def _shown(value: object) -> str:
    if isinstance(value, Opaque):
        return f"an object that only exists while Airflow runs ({value.type_name})"
    return repr(value)


def _stays_text(lowered: Expr | str) -> bool:
    """Whether native rendering, which evaluates what looks like a Python literal, leaves the text alone."""
    if isinstance(lowered, RunValue):
        return lowered.name != "ds_nodash"
    if isinstance(lowered, Concat):
        plain = lowered.is_plain
        return plain and any(isinstance(part, Text) and part.value.strip(" -0123456789.") for part in lowered.parts)
    if not isinstance(lowered, (Text, str)):
        return False
    try:
        ast.literal_eval(lowered if isinstance(lowered, str) else lowered.value)
    except (ValueError, SyntaxError, MemoryError, TypeError):
        return True
    return False
