"""``SubmitScheduleOperator``: run a whole DAG on Step Functions or AWS Batch from one task of Airflow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow.configuration import conf as airflow_conf
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowTaskTimeout
from airflow.sdk.exceptions import AirflowRuntimeError
from botocore.exceptions import BotoCoreError, ClientError
from ductwork.contracts import default_names
from ductwork.contracts import ledger as schema
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.airflow_side.attachments import Attachment, Attachments, Remote, Try, attach, key_of
from ductwork_airflow.airflow_side.schedule_source import Source, SourceError, default_run_id, request_of
from ductwork_airflow.airflow_side.submission import Submission
from ductwork_airflow.airflow_side.task_state import MARKED, own_state
from ductwork_airflow.airflow_side.waiting import pace, plain_counts, watch
from ductwork_airflow.compat import supervisor_is_busy
from ductwork_airflow.hooks import DuctworkHook, HookSettings, settings_of
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.links import BatchQueueLink, ExecutionLink, LogsLink, links, push_run_links
from ductwork_airflow.run_model.handle import RunHandle, Watcher
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.triggers import KILL_REASON, RunEvent, RunTrigger

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context
    from airflow.sdk.types import TaskInstance

# The XCom that holds the run's handle, from the moment of submission.
HANDLE_KEY = "ductwork_run"

# At a look every 30 seconds, the pace of a run in which nothing changes, this is a year.
MAX_ATTEMPTS = 1_000_000
_STOPPING_SECONDS = 300.0


class SubmitScheduleOperator(AwsBaseOperator[DuctworkHook]):  # type: ignore[misc]
    """Submit a compiled DAG to AWS, wait for its end and end as it did.

    What to run is one of: ``source_dag``; ``dag_file``; ``artefact``; ``state_machine_arn`` alone. The run has the run
    id, logical date, data interval and conf of the DAG run this task belongs to.

    Returns ``{"run_id", "execution_arn" or "job_ids", "state", "counts"}``: job ids by job name, task instances by
    state. The run's handle is in the XCom ``ductwork_run`` as soon as it is submitted.

    **However often this task starts, there is one remote run.** An Airflow retry, a lost worker, a restarted scheduler
    or triggerer, and Clear find it again; see the table at
    :func:`ductwork_airflow.airflow_side.attachments.attach`. A failure of the remote run fails this task without
    Airflow retries, since the tasks have had their own. **Clear** of this task then restarts the run, under the same
    run id: what has succeeded is not run again. Clear while the run goes on re-attaches to it; clear after a success
    reports the success again.

    :param source_dag: a DAG object; its file is compiled when the task runs. (``dag`` is, as for every operator, the
        DAG this task belongs to.) With ``.partial()`` use ``dag_file``
    :param dag_file: path of a DAG file to compile when the task runs (templated)
    :param remote_dag_id: which DAG; needed if the file or artefact does not say it (templated)
    :param artefact: a compiled artefact, or the path of its JSON file. Not templated: JSONata uses Jinja's brackets
    :param state_machine_arn: start this state machine. With a DAG or an artefact too, it must be the same (templated)
    :param target: ``stepfunctions`` or ``batch`` (templated)
    :param engine: with target ``stepfunctions`` and a DAG: ``states``, or ``batch``, for a machine that submits the
        DAG as one chain of Batch jobs (templated)
    :param role_arn: create or update the state machine with this execution role; default ``[ductwork] role_arn``
        (templated)
    :param ledger_table: default ``[ductwork] ledger_table`` (templated)
    :param deployment: deployment values for compiling, e.g. ``{"job_queue": "..."}``, before ``[ductwork]`` (templated)
    :param places: values for an artefact's open places, e.g. ``{"JobQueue": "..."}`` (templated)
    :param remote_run_id: default: Airflow's run id, with ``__<map index>`` if this task is mapped. Two tasks that run
        the same remote DAG need different ones (templated)
    :param conf: the run's conf in the place of the DAG run's (templated)
    :param wait_for_completion: False returns as soon as the run is submitted; nothing mirrors it then
    :param deferrable: wait in the triggerer; default ``[operators] default_deferrable``
    :param waiter_delay: the least number of seconds between looks; None lets the run's own pace decide: 1 to 30
    :param waiter_max_attempts: how many looks; then the task fails and the run goes on, to be found by a retry
    :param cancel_on_kill: stop the run when this task is killed, times out or is marked failed or successful
    :raises AirflowFailException: the run has failed (with its tasks' errors), the DAG does not compile (with the
        diagnostics), the conf does not fit its params, or it cannot be submitted as things are
    :raises AirflowException: AWS cannot be asked any longer; a retry finds the run again
    """

    aws_hook_class = DuctworkHook
    operator_extra_links = links((ExecutionLink, BatchQueueLink, LogsLink))
    ui_color = "#e3dccb"
    template_fields: Sequence[str] = aws_template_fields(
        "dag_file",
        "remote_dag_id",
        "state_machine_arn",
        "target",
        "engine",
        "role_arn",
        "ledger_table",
        "deployment",
        "places",
        "remote_run_id",
        "conf",
    )
    template_fields_renderers = {"conf": "json", "deployment": "json", "places": "json"}

    def __init__(
        self,
        *,
        source_dag: DAG | None = None,
        dag_file: str | None = None,
        remote_dag_id: str | None = None,
        artefact: JsonObject | str | None = None,
        state_machine_arn: str | None = None,
        target: str = "stepfunctions",
        engine: str = "states",
        role_arn: str | None = None,
        ledger_table: str | None = None,
        deployment: JsonObject | None = None,
        places: Mapping[str, str] | None = None,
        remote_run_id: str | None = None,
        conf: JsonObject | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = airflow_conf.getboolean("operators", "default_deferrable", fallback=False),
        waiter_delay: int | None = None,
        waiter_max_attempts: int = MAX_ATTEMPTS,
        cancel_on_kill: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        if source_dag is not None and dag_file is not None:
            raise ValueError("both source_dag and dag_file are given: leave one of them out")
        self.dag_file = dag_file if source_dag is None else source_dag.fileloc
        self.remote_dag_id = remote_dag_id if source_dag is None else source_dag.dag_id
        self.artefact = artefact
        self.state_machine_arn = state_machine_arn
        self.target = target
        self.engine = engine
        self.role_arn = role_arn
        self.ledger_table = ledger_table
        self.deployment = deployment
        self.places = places
        self.remote_run_id = remote_run_id
        self.conf = conf
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.waiter_delay = waiter_delay
        self.waiter_max_attempts = waiter_max_attempts
        self.cancel_on_kill = cancel_on_kill
        self._attached: tuple[RunHandle, object] | None = None

    # ---- the task's life ----

    def execute(self, context: Context) -> dict[str, object]:
        """Send the run, or go on with one that an earlier try has sent, and wait for its end if asked to.

        :return: the run's handle as plain data, also pushed as the XCom :data:`HANDLE_KEY` once the run is known
        :raises AirflowFailException: the run cannot be sent, or has failed; another try would not mend it
        """
        ti = context["ti"]
        try:
            handle, how = self._attach(context)
        except (SourceError, lifecycle.SubmissionError) as error:
            raise AirflowFailException(str(error)) from error
        self._attached = handle, ti
        self.log.info("%s run %s of %s (%s)", how.capitalize(), handle.run_id, handle.dag_id, handle.target)
        ti.xcom_push(key=HANDLE_KEY, value=handle.as_dict())
        try:
            push_run_links(ti, self.hook, handle, self._job_ids(handle))
        except (ClientError, BotoCoreError, KeyError) as error:
            self.log.warning("There will be no console links: %s", error)
        watcher = watch(self._settings, handle)
        progress = watcher.poll()
        if not self.wait_for_completion:
            return self._result(handle, progress.state, progress.counts)
        if self.deferrable and not progress.ended:
            self._defer(ti, handle)
        return self._wait(watcher, handle)

    def execute_complete(self, context: Context, event: RunEvent) -> dict[str, object]:
        """Go on after the trigger has fired."""
        handle = RunHandle.from_dict(event["handle"])
        self._attached = handle, context["ti"]
        if event["status"] == "ended":
            return self._conclude(handle, event["state"] or "failed", event["counts"])
        if event["status"] == "deadline":
            self.on_kill()
            raise AirflowTaskTimeout(event["message"])
        raise AirflowException(event["message"])

    def on_kill(self) -> None:
        """Stop the run, unless Airflow is to run this task again: then the next try finds it.

        Called from a signal handler, so it uses clients that nothing else uses.
        """
        if not self.cancel_on_kill or self._attached is None:
            return
        handle, ti = self._attached
        if self._runs_again(ti):
            self.log.info("Leaving run %s of %s to this task's next try", handle.run_id, handle.dag_id)
            return
        self.log.info("Stopping run %s of %s", handle.run_id, handle.dag_id)
        clients = self.hook.apart()
        attachments = Attachments(Ledger(handle.ledger_table, clients.client("dynamodb")), key_of(ti))
        attachments.mark_killed(handle)
        lifecycle.watcher(clients, handle).stop(KILL_REASON)

    def _runs_again(self, ti: TaskInstance) -> bool:
        """Whether this process is ended because the task was cleared, or taken for lost by a new scheduler.

        ``running`` is the state after a timeout and while a worker is shut down.
        """
        if supervisor_is_busy():
            return False
        try:
            state = own_state(ti)
        except AirflowRuntimeError as error:
            self.log.warning("Airflow does not say what is to become of this task: %s", error)
            return False
        return state != "running" and state not in MARKED

    def check_source(self) -> None:
        """Compile the DAG file, if it is there and its name is no template, as this task will when it runs.

        :raises SourceError: it does not compile; the message has the diagnostics
        """
        named = (self.dag_file, self.remote_dag_id, self.target, self.engine, str(self.deployment))
        if self.dag_file is None or any("{{" in str(each) for each in named) or not os.path.isfile(self.dag_file):
            return
        table = self.ledger_table or _configured("ledger_table") or default_names.LEDGER_TABLE
        deployment = {"ledger_table": table, **(self.deployment or {})}
        Source(self.dag_file, None, None, self.remote_dag_id, self.target, deployment, self.engine).load()

    # ---- finding or starting the run ----

    def _attach(self, context: Context) -> tuple[RunHandle, str]:
        ti = context["ti"]
        table = self.ledger_table or _configured("ledger_table")
        if table is None:
            raise SourceError("the ledger's table is not known: give ledger_table, or set [ductwork] ledger_table")
        run_id = self.remote_run_id or default_run_id(ti)
        submission = self._submission(context, run_id, table)
        remote = Remote(
            find=submission.find,
            submit=lambda: self._send(submission.submit, submission, ti),
            state=self._state,
            restart=lambda handle: lifecycle.restart(self.hook, handle),
            run_again=lambda ended_at: self._send(lambda: submission.run_again(ended_at), submission, ti),
        )
        attachments = Attachments(Ledger(table, self.hook.client("dynamodb")), key_of(ti))
        return attach(attachments, Try.of(context), run_id, remote)

    def _submission(self, context: Context, run_id: str, table: str) -> Submission:
        deployment = {"ledger_table": table, **(self.deployment or {})}
        source = Source(
            self.dag_file,
            self.artefact,
            self.state_machine_arn,
            self.remote_dag_id,
            self.target,
            deployment,
            self.engine,
        )
        return Submission(
            self.hook,
            source,
            lambda dag_id: request_of(context["dag_run"], dag_id, run_id, self.conf),
            run_id,
            table,
            role_arn=self.role_arn or (None if self.state_machine_arn else _configured("role_arn")),
            places={"LedgerTable": table, **(self.places or {})},
        )

    def _send(self, send: Callable[[], RunHandle], submission: Submission, ti: TaskInstance) -> RunHandle:
        if self.target == "batch":
            # Many requests: a kill in the midst of them stops the jobs that are there.
            self._attached = submission.handle, ti
        return send()

    def _state(self, attachment: Attachment) -> str:
        """The run's state; of a run that this task has stopped, once it has ended."""
        watcher = watch(self._settings, attachment.handle)
        if attachment.killed:
            watcher.stop(KILL_REASON)
        limit = time.monotonic() + (_STOPPING_SECONDS if attachment.killed else 0)
        progress = watcher.poll()
        while not progress.ended and time.monotonic() < limit:
            time.sleep(progress.wait)
            progress = watcher.poll()
        return progress.state

    # ---- waiting ----

    @property
    def _settings(self) -> HookSettings:
        return settings_of(self)

    def _defer(self, ti: TaskInstance, handle: RunHandle) -> None:
        limit = self.execution_timeout
        trigger = RunTrigger(
            handle=handle.as_dict(),
            settings=self._settings,
            waiter_delay=self.waiter_delay,
            waiter_max_attempts=self.waiter_max_attempts,
            deadline=time.time() + limit.total_seconds() if limit else None,
            attachment=key_of(ti),
            cancel_on_kill=self.cancel_on_kill,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def _wait(self, watcher: Watcher, handle: RunHandle) -> dict[str, object]:
        for _ in range(self.waiter_max_attempts):
            progress = watcher.poll()
            if progress.ended:
                return self._conclude(handle, progress.state, progress.counts)
            if progress.changed:
                self.log.info("%s", plain_counts(progress.counts))
            time.sleep(pace(progress, self.waiter_delay))
        raise AirflowException(f"the run has not ended after {self.waiter_max_attempts:,} looks; it goes on")

    def _conclude(self, handle: RunHandle, state: str, counts: Mapping[str, int]) -> dict[str, object]:
        if state != "success":
            error = lifecycle.outcome_error(self.hook, handle)
            raise AirflowFailException(f"run {handle.run_id} of {handle.dag_id} failed on {handle.target}: {error}")
        return self._result(handle, state, counts)

    def _result(self, handle: RunHandle, state: str, counts: Mapping[str, int]) -> dict[str, object]:
        jobs = {"job_ids": self._job_ids(handle)} if handle.target == "batch" else {}
        execution = {"execution_arn": handle.execution_arn} if handle.execution_arn else {}
        return {"run_id": handle.run_id, **execution, **jobs, "state": state, "counts": plain_counts(counts)}

    def _job_ids(self, handle: RunHandle) -> dict[str, str]:
        if handle.target != "batch":
            return {}
        ledger = Ledger(handle.ledger_table, self.hook.client("dynamodb"))
        claims = ledger.partition(schema.run_pk(handle.dag_id, handle.run_id), "job#")
        return {item["name"]: item["job_id"] for item in claims if "job_id" in item}


def _configured(option: str) -> str | None:
    return airflow_conf.get("ductwork", option, fallback=None) or None
