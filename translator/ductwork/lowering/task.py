"""A task as Airflow has it becomes a task of the workflow."""

from __future__ import annotations

from dataclasses import replace

from ductwork import ir
from ductwork.contracts import batch_limits
from ductwork.deployment import queues, resolution
from ductwork.diagnostics import Diagnostics
from ductwork.ir.expressions import run_values_in
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.ir.window import Window
from ductwork.lowering import bounds
from ductwork.lowering.settings import Settings
from ductwork.rules import lower
from ductwork.semantics.setups_and_skips import Relations


def lower_task(
    dag_id: str,
    task: TaskSnapshot,
    relations: Relations,
    settings: Settings,
    diagnostics: Diagnostics,
    *,
    beside: Window,
    dateless: bool = False,
) -> ir.Task:
    """A task's work, by its operator's rule, and its settings within what AWS takes.

    :param beside: the dates that all tasks of the DAG have
    :param dateless: the DAG has runs without a logical date
    """
    reader = resolution.Reader(task.origin, diagnostics, dag_id=dag_id, task_id=task.task_id)
    of_task = reader.executor_config(task.executor_config)
    values = resolution.merge(of_task, queues.of_queue(task, settings.queues), settings.common)
    if not task.settings.get("outlets"):
        values = replace(values, event_bus=None)
    findings = Diagnostics()
    work = _work(task, values, findings)
    if work.actions and (
        name := next((name for name in _OF_AWS if name in {**values.environment, **values.secrets}), "")
    ):
        work = work.in_worker(f"environment sets {name} for its worker, so Airflow's own operator calls AWS from there")
    if dateless and _reads_dates(work):
        work = work.in_worker(_WHY_DATELESS)
    # A rule knows its task only; which DAG it is in is added here.
    diagnostics.extend(_in_dag(findings, dag_id))
    built = ir.Task(
        task_id=task.task_id,
        origin=task.origin,
        operator=task.operator,
        work=work,
        upstream=task.upstream,
        trigger_rule=task.trigger_rule,
        setups=relations.setups(task),
        scope=relations.scope(task),
        skips=relations.skips(task),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        fails_run=task.fails_run,
        reschedules=task.arguments.get("mode") == "reschedule",
        retry=bounds.retry(task),
        execution_timeout=task.execution_timeout,
        may_defer=task.may_defer,
        calls_back=_calls_back(task),
        length=task.length,
        group_path=task.group_path,
        mapped_group=task.mapped_group,
        slots=bounds.slots(dag_id, task, settings.pools),
        max_active_tis_per_dagrun=task.settings.get("max_active_tis_per_dagrun") if task.is_mapped else None,
        past=_past(task),
        ignores_first_past=bool(task.settings.get("ignore_first_depends_on_past")),
        deployment=_prioritised(dag_id, task, values, diagnostics),
        window=task.window.beyond(beside),
    )
    queues.check(dag_id, built, task, of_task, settings.queues, diagnostics)
    return built


# Variables of a worker's environment that say whom, or which Region, its operators call.
_OF_AWS = (
    *("AIRFLOW_CONN_AWS_DEFAULT", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE"),
    *("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AIRFLOW__SECRETS__BACKEND"),
)
_WHY_DATELESS = (
    "it takes a date from the run, and runs that updates of assets start have none: Airflow's own code says what then"
)
_DATES = {"ds", "ds_nodash", "ts", "ts_nodash", "data_interval_start", "data_interval_end"}


def _reads_dates(work: ir.Work) -> bool:
    """Whether a task's work reads the run's logical date or data interval."""
    return work.begins_at_interval or not _DATES.isdisjoint(run_values_in(work))


def _work(task: TaskSnapshot, values: ir.Deployment, diagnostics: Diagnostics) -> ir.Work:
    if values.native is False and not task.is_empty:
        return ir.Worker("executor_config or [ductwork] asks for Airflow's own operator in a worker")
    findings = Diagnostics()
    work = lower(task, findings)
    diagnostics.extend(finding for finding in findings if not resolution.answers(values, finding))
    return work


def _prioritised(dag_id: str, task: TaskSnapshot, values: ir.Deployment, diagnostics: Diagnostics) -> ir.Deployment:
    """Airflow's priority_weight as Batch's scheduling priority, which queues with fair shares know."""
    weight = task.settings.get("priority_weight")
    if weight is None or values.scheduling_priority is not None:
        return values
    if values.share_identifier is None:
        what = "priority_weight does not order jobs: only fair-share queues have priorities"
        hint = "use a queue with a scheduling policy, and name a share_identifier"
        about = {"dag_id": dag_id, "task_id": task.task_id, "field": "priority_weight"}
        diagnostics.add("DW308", task.origin, what, hint, **about)
        return values
    return replace(values, scheduling_priority=min(max(int(weight), 0), batch_limits.MAX_SCHEDULING_PRIORITY))


def _past(task: TaskSnapshot) -> str:
    if task.settings.get("wait_for_downstream"):
        return "all"
    return "self" if task.settings.get("depends_on_past") else ""


def _calls_back(task: TaskSnapshot) -> bool:
    mails = task.settings.get("email") and task.settings.get("email_on_failure", True)
    return bool(task.settings.get("on_failure_callback") or mails)


def _in_dag(findings: Diagnostics, dag_id: str) -> Diagnostics:
    return Diagnostics([replace(finding, dag_id=dag_id) for finding in findings])
