"""One task of the twin: it ends in Airflow as its original ended on AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    DownstreamTasksSkipped,
)
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_item import TaskItem

from ductwork_airflow.hooks import HookSettings, settings_of
from ductwork_airflow.links import BatchJobLink, ExecutionLink, LogsLink

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context
    from airflow.sdk.types import TaskInstance

    from ductwork_airflow.delegate.outcomes import Read
    from ductwork_airflow.delegate.remote_run import RemoteRun

# What a mirror task knows of its label it puts into its context, for Airflow to render before and after it has run.
_LABEL = "ductwork_label"
LABEL_TEMPLATE = f"{{{{ {_LABEL} | default(ti.map_index, true) }}}}"
_LABEL_LIMIT = 250  # characters, of Airflow's column


class RemoteTaskFailedError(AirflowFailException):  # type: ignore[misc]
    """The original failed on AWS; the message is its own. Airflow must not retry: the remote side has."""


class RemoteRunError(AirflowFailException):  # type: ignore[misc]
    """There is no remote outcome to show; the message says why."""


class MirrorTask(BaseOperator):  # type: ignore[misc]
    """Waits, deferred, for the outcome of the task of the same id and map index in the ledger and takes it over.

    Airflow's retries are left for a lost process or triggerer: a new try re-attaches to the same remote task. Clearing
    a task whose outcome has been taken over restarts it on AWS, see :mod:`ductwork_airflow.delegate.restarts`.

    :param submit_task_id: the task that starts the run
    :param poll_interval: seconds between two looks at the run, at least
    """

    operator_extra_links = (ExecutionLink(), BatchJobLink(), LogsLink())

    def __init__(
        self,
        *,
        submit_task_id: str,
        target: str,
        ledger_table: str,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: JsonObject | None = None,
        poll_interval: float = 5.0,
        log_lines: int = 1000,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.submit_task_id = submit_task_id
        self.target = target
        self.ledger_table = ledger_table
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self.poll_interval = poll_interval
        self.log_lines = log_lines

    def execute(self, context: Context) -> None:
        """End as the task has ended on AWS; until then, defer.

        :raises RemoteTaskFailedError: it failed there
        :raises RemoteRunError: it never ran there; the message says why
        """
        self._go_on(context)

    def resume(self, context: Context, event: Mapping[str, object] | None = None) -> None:
        """Called by Airflow when the trigger has fired; what counts is what the ledger says now."""
        if event and event.get("refused"):
            raise RemoteRunError(str(event["refused"]))
        self._go_on(context, cast("Read", (event or {}).get("read") or {}))

    def _go_on(self, context: Context, read: Read = MappingProxyType({})) -> None:
        """Take over an outcome, restart the task if its outcome has been cleared, or wait for an outcome to come."""
        from ductwork_airflow.delegate import outcomes, restarts
        from ductwork_airflow.delegate.remote_run import RemoteRun

        ti = context["ti"]
        remote = RemoteRun.of(self, ti.dag_id, ti.run_id)
        run, item = remote.run(), remote.task(self.task_id, ti.map_index)
        outcomes.push_links(ti, remote, run, item)
        context[_LABEL] = str((item or {}).get("rendered_map_index") or "")[:_LABEL_LIMIT]
        if run is not None and not remote.is_of(context["dag_run"], self.submit_task_id):
            self.log.info("the run of this id in the ledger was not started by this DAG run")
            self._wait(ti, run=run, item=item, foreign=True)
        if item and item["state"] in TERMINAL_STATES:
            if not (restarts.wanted(item, ti.max_tries) or restarts.contradicted(remote, ti, item, run)):
                return self._conclude(ti, remote, item, read)
            run = restarts.look_again(remote, run)
            if "ended_at" in run:
                restarts.restart(remote, self, ti)
            else:
                self.log.info("to be restarted on AWS when the run, which still goes on, has ended")
            self._wait(ti, run=run, item=item)
        if run and "ended_at" in run:
            error = run.get("error") or "see its execution"
            raise RemoteRunError(f"the run on AWS ended ({run['state']}) without this task: {error}")
        self._wait(ti, run=None, item=None)

    def _wait(self, ti: TaskInstance, *, run: RunItem | None, item: TaskItem | None, foreign: bool = False) -> None:
        """Defer until the run or the task has changed.

        :param run: the run as it is now; its present end does not count
        :param item: the task as it is now; its present end does not count
        :param foreign: the run belongs to another DAG run; the submit task has it run again, or refuses
        """
        from ductwork_airflow.delegate.trigger import MirrorTrigger

        trigger = MirrorTrigger(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=self.task_id,
            map_index=ti.map_index,
            submit_task_id=self.submit_task_id,
            target=self.target,
            ledger_table=self.ledger_table,
            connection=self.connection(),
            poll_interval=self.poll_interval,
            past_run=(run or {}).get("ended_at"),
            past_task=(item or {}).get("ended_at"),
            foreign=foreign,
        )
        self.defer(trigger=trigger, method_name="resume")

    def connection(self) -> HookSettings:
        """The hook's settings, which must survive the deferral."""
        return settings_of(self)

    def _conclude(self, ti: TaskInstance, remote: RemoteRun, item: TaskItem, read: Read) -> None:
        from ductwork_airflow.delegate import outcomes, restarts

        outcomes.show_log(ti, self.log, remote, item, self.log_lines, read)
        outcomes.show_rendered_fields(item)
        outcomes.push_xcoms(ti, self.log, remote)
        restarts.mark_taken_over(remote, item, ti.max_tries)
        state, error = item["state"], item.get("error")
        if state == "success":
            return self._skip(ti, item.get("skipped") or ())
        if state in {"skipped", "removed"}:
            raise AirflowSkipException(error or f"{state} on AWS")
        if state == "upstream_failed":
            # Airflow has no way for a task to end itself so; it comes here only when a run was stopped from outside.
            raise RemoteRunError(f"upstream_failed on AWS: {error or 'it never ran'}")
        raise RemoteTaskFailedError(error or "the task failed on AWS without a message")

    def _skip(self, ti: TaskInstance, task_ids: Sequence[str]) -> None:
        """Skip the mapped tasks that a branch has passed over, before Airflow expands them.

        The other tasks that it has passed over find that out themselves; a mapped one would do so once for each
        instance.
        """
        mapped = [task_id for task_id in task_ids if self.dag.has_task(task_id) and _is_expanded(self.dag, task_id)]
        if mapped and ti.map_index == UNMAPPED:
            raise DownstreamTasksSkipped(tasks=[(task_id, UNMAPPED) for task_id in mapped])

    def iter_mapped_dependants(self) -> Iterator[object]:
        """None. Airflow's task runner asks for them, and would demand a return value to count.

        The original has returned one, or has failed; its length goes to Airflow with the XCom itself.
        """
        return iter(())


def _is_expanded(dag: DAG, task_id: str) -> bool:
    task = dag.get_task(task_id)
    return bool(task.is_mapped or task.get_closest_mapped_task_group() is not None)
