"""``ductwork run --local``: one run of one compiled DAG on the embedded AWS."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir import BatchJob, Workflow
from ductwork.ir.per_instance import spread

from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local import origins, other_dags
from ductwork_airflow.local.other_dags import OtherDag
from ductwork_airflow.local.provision import PLACES, command, definition_name, provide
from ductwork_airflow.reporting import report
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.substitutions import fill

Show = Callable[[report.RunReport], None]

_POLL_SECONDS = 0.15
# Seconds for each task instance, all of which a look reads: the workers' calls are answered in this process, too.
_PAUSE = 0.005
_LONGEST_PAUSE = 15.0
_SAVE_SECONDS = 2.0
_CALLBACKS_SECONDS = 5.0  # between looks at a machine that still calls back; its end is not waited for


def home() -> Path:
    """Where local runs leave their ledger and logs: ``$AIRFLOW_HOME/ductwork``."""
    return Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow").expanduser() / "ductwork"


def state_file() -> Path:
    """Where the local ledger is kept between commands."""
    return home() / "ledger.json"


def log_dir() -> Path:
    """Where the logs of local jobs go."""
    return home() / "logs"


@dataclass(frozen=True)
class LocalRun:
    """What to run.

    :param document: the compiled artefact
    :param definitions: the user's job definitions by name, as ``aws batch describe-job-definitions`` prints them
    :param given: the options it was compiled with, for a restart in a later process
    :param made: the job definitions that were compiled with it
    :param others: the DAGs of which its tasks start runs
    """

    workflow: Workflow
    document: Mapping[str, object]
    target: str
    request: RunRequest
    definitions: Mapping[str, Mapping[str, object]]
    given: Mapping[str, object] = field(default_factory=dict)
    made: Sequence[Mapping[str, object]] = ()
    others: Sequence[OtherDag] = ()


def ledger_table(workflow: Workflow) -> str:
    """The name of the ledger's table, which workers get too."""
    return str(fill(workflow.ledger_table, PLACES))


def check(run: LocalRun, diagnostics: Diagnostics) -> None:
    """Report the jobs that could not run here: native jobs without a command."""
    for task in run.workflow.tasks:
        # Of a worker's container the command is known when Airflow has rendered it.
        if (submitted := task.work.submits) is None or task.work.submits_container:
            continue
        jobs = spread(submitted)
        about = {"dag_id": run.workflow.dag_id, "task_id": task.task_id}
        is_container = submitted.container is not None
        for name in sorted({definition_name(job) for job in jobs if _has_secrets(job, run.definitions)}):
            what = f"the job definition {name!r} has secrets, unresolved by the embedded AWS: the job runs without"
            hint = (
                "the command has to do without them"
                if is_container
                else "set the variables in the definition's environment"
            )
            diagnostics.add("DW515", task.origin, what, f"{hint} for local runs", field="secrets", **about)
        for name in sorted({definition_name(job) for job in jobs if not command(job, run.definitions)}):
            if is_container:
                what = "the container runs its image's own command, and there are no images here"
                hint = "write the command out, as a list of words, in the operator"
                diagnostics.add("DW504", task.origin, what, hint, field="command", **about)
                continue
            what = f"the job definition {name!r} is not known here, so there is no image or command to run"
            hint = "give its command in container_overrides, or pass --job-definitions FILE"
            diagnostics.add("DW504", task.origin, what, hint, field="job_definition", **about)


def _has_secrets(job: BatchJob, definitions: Mapping[str, Mapping[str, Any]]) -> bool:
    definition = job.definition or definitions.get(definition_name(job), {})
    return bool(definition.get("containerProperties", {}).get("secrets"))


def execute(aws: EmbeddedAws, run: LocalRun, show: Show) -> report.RunReport | None:
    """Run to the end. None if a run of this id exists already.

    :param show: called with the state of things several times a second
    :raises KeyboardInterrupt: after what was running has been stopped and the run marked failed
    """
    ledger = Ledger.connect(ledger_table(run.workflow), aws.aws)
    ledger.create_table()
    names = (run.request.dag_id, run.request.run_id)
    with origins.exclusive(home(), *names) as free:
        if not free or ledger.run(*names) is not None:
            return None
        origins.remember(ledger, *names, run.given)
        role = None if run.target == "batch" else ROLE_ARN
        table = ledger.table

        def begin() -> RunHandle:
            return lifecycle.submit(
                aws.aws, run.document, run.target, run.request, ledger_table=table, role_arn=role, places=PLACES
            )

        return carry_out(aws, ledger, run, begin, show)


def carry_out(
    aws: EmbeddedAws, ledger: Ledger, run: LocalRun, begin: Callable[[], RunHandle], show: Show
) -> report.RunReport | None:
    """Begin a run, or a restart of one, and watch it to its end. See :func:`execute`."""
    provide(aws, run.workflow, run.definitions)
    others = other_dags.deploy(aws, ledger, run.others, run.definitions)
    handle = RunHandle(run.request.dag_id, run.request.run_id, run.target, ledger.table)
    watch = _Watch(aws, ledger, run, show)
    try:
        handle = begin()
        watcher = lifecycle.watcher(aws.aws, handle)
        while not watcher.poll().ended:
            seen = watch.look()
            instances = len(seen.tasks) if seen else 0
            aws.wait(handle.execution_arn, min(max(_POLL_SECONDS, _PAUSE * instances), _LONGEST_PAUSE))
    except KeyboardInterrupt:
        lifecycle.watcher(aws.aws, handle).stop("interrupted")
        other_dags.stop(aws, ledger, others)
        watch.look()
        raise
    final = watch.look()
    with contextlib.suppress(KeyboardInterrupt):  # the run has ended, so there is nothing left to interrupt
        _see_callbacks_through(aws, handle)
        other_dags.see_through(aws, others)
    aws.save_tables()
    return final


def _see_callbacks_through(aws: EmbeddedAws, handle: RunHandle) -> None:
    """A machine calls the DAG's callbacks after the run has ended; here nothing goes on after this process."""
    if handle.execution_arn is None:
        return
    machines = aws.aws.client("stepfunctions")
    while machines.describe_execution(executionArn=handle.execution_arn)["status"] == "RUNNING":
        aws.wait(handle.execution_arn, _CALLBACKS_SECONDS)


class _Watch:
    """Shows the run, and keeps the ledger's file fresh in case this process is killed."""

    def __init__(self, aws: EmbeddedAws, ledger: Ledger, run: LocalRun, show: Show) -> None:
        self._aws, self._ledger, self._run, self._show = aws, ledger, run, show
        self._order = [task.task_id for task in run.workflow.tasks]
        self._saved = time.monotonic()

    def look(self) -> report.RunReport | None:
        request = self._run.request
        seen = report.read(self._ledger, request.dag_id, request.run_id, self._order)
        if seen is not None:
            self._show(seen)
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self._aws.save_tables()
            self._saved = time.monotonic()
        return seen


def read_definitions(path: str, diagnostics: Diagnostics) -> dict[str, Mapping[str, object]]:
    """Job definitions from the output of ``aws batch describe-job-definitions``, by name, name:revision and ARN."""
    try:
        definitions = json.loads(Path(path).read_text(encoding="utf-8"))["jobDefinitions"]
        named: dict[str, Mapping[str, object]] = {}
        for definition in sorted(definitions, key=lambda one: one.get("revision", 0)):
            name = definition["jobDefinitionName"]
            revision = f"{name}:{definition.get('revision', 1)}"
            named |= dict.fromkeys((name, revision, definition.get("jobDefinitionArn", revision)), definition)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"the file cannot be read as job definitions: {error}"
        hint = "pass the output of: aws batch describe-job-definitions"
        diagnostics.add("DW504", Origin(path), what, hint, field="--job-definitions")
        return {}
    return named
