"""Rewriting a DAG into its twin.

The submit task has no edges. A mirror task keeps its trigger rule, and rules count direct upstream tasks: were the
submit task one of them, ``one_success`` would be met by it, ``all_failed`` spoilt, and a root task with ``all_skipped``
would not run at all. It could not be upstream of anything anyway, for it stays until the run has ended. So the mirror
tasks of the roots start beside it and wait, as all of them do, for the ledger; if the run could not be started, they
fail and say so. No rule ever sees another truth than the remote one, and what the remote side decides by its rules,
upstream_failed and skipped, Airflow decides by the same rules from the same states.

A mapped task stays one, and Airflow expands it: a mirror task for each instance on AWS. See
:mod:`ductwork_airflow.delegate.expansion`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG
from airflow.sdk.definitions._internal.contextmanager import DagContext
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.definitions.taskgroup import MappedTaskGroup
from airflow.triggers.base import StartTriggerArgs
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.compat import is_dag_processor, starts_tasks_in_triggerer, weight_rule
from ductwork_airflow.delegate import DelegationError, expansion
from ductwork_airflow.delegate.mirror_task import LABEL_TEMPLATE, MirrorTask
from ductwork_airflow.delegate.options import Options
from ductwork_airflow.delegate.start_task import StartTask

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

# What a mirror task takes over from the original: what people see, and what Airflow's scheduler decides by.
# The rest (callbacks, retries, time limits, pools, email, templates) has its effect on the remote side, once.
CARRIED = (
    "owner",
    "start_date",
    "end_date",
    "trigger_rule",
    "depends_on_past",
    "ignore_first_depends_on_past",
    "wait_for_downstream",
    "wait_for_past_depends_before_skipping",
    "priority_weight",
    "params",
    "inlets",
    "outlets",
    "doc",
    "doc_md",
    "doc_json",
    "doc_yaml",
    "doc_rst",
)
_FIRST = 1_000_000
TRIGGER = "ductwork_airflow.delegate.trigger.MirrorTrigger"
_MOST_IN_TRIGGERER = 300  # tasks of a DAG
# Of a try whose process or triggerer was lost: the next one only has to find the run again.
RETRY_DELAY = timedelta(seconds=5)
_SHOWN = ("ui_color", "ui_fgcolor", "_task_display_name", "returns_dag_result")
_SCOPE = ("is_setup", "is_teardown", "on_failure_fail_dagrun")


def is_twin(dag: DAG) -> bool:
    """Whether a DAG is one that :func:`make_twin` has made."""
    return any(getattr(task, "operator_class", type(task)) is MirrorTask for task in dag.tasks)


def make_twin(dag: DAG, options: Options) -> DAG:
    """Turn a DAG into its twin, in place; a twin stays as it is.

    :raises DelegationError: it cannot be one
    """
    if is_twin(dag):
        return dag
    _check(dag, options)
    if is_dag_processor():
        _compile(dag, options)
    dag_file, originals = dag.fileloc, dict(dag.task_dict)
    for task_id, task in originals.items():
        mirror = _mapped_mirror(task, options) if task.is_mapped else _mirror(task, options)
        mirror.upstream_task_ids, mirror.downstream_task_ids = task.upstream_task_ids, task.downstream_task_ids
        dag.task_dict[task_id] = mirror
        mirror.dag = dag
        mirror.task_group = task.task_group
        task.task_group.children[task_id] = mirror
    _expand(dag, originals)
    _add_submit(dag, dag_file, options)
    return dag


def _expand(dag: DAG, originals: Mapping[str, object]) -> None:
    """Give the mapped tasks and groups of the twin what they are expanded over."""

    def counted(what: str, original: object) -> object:
        try:
            return expansion.of_same_length(original, dag)
        except expansion.UncountableError as error:
            raise DelegationError(
                f"{what} of DAG {dag.dag_id!r} is expanded over a {error}, whose length only itself knows: expand it "
                "over literals and what tasks return (also with map, zip and concat), or use SubmitScheduleOperator"
            ) from None

    for task_id, task in originals.items():
        if isinstance(task, MappedOperator):
            expand_input = counted(f"task {task_id!r}", task._get_specified_expand_input())
            dag.task_dict[task_id].expand_input = expand_input
    for name, group in dag.task_group_dict.items():
        if isinstance(group, MappedTaskGroup):
            group._expand_input = counted(f"task group {name!r}", group._expand_input)


def _check(dag: DAG, options: Options) -> None:
    if DagContext.get_current() is not None:
        raise DelegationError(f"call delegate() on DAG {dag.dag_id!r} after its `with` block, when it is complete")
    if dag.fail_fast:
        what = f"DAG {dag.dag_id!r} has fail_fast, by which Airflow would end the submit task, and so the run on AWS"
        raise DelegationError(f"{what}, before its teardowns: use SubmitScheduleOperator")
    taken = dag.task_group.used_group_ids | dag.task_dict.keys()
    if options.submit_task_id in taken:
        what = f"DAG {dag.dag_id!r} has a task or group {options.submit_task_id!r} of its own"
        raise DelegationError(f"{what}: give the submit task another name with submit_task_id=...")


def _compile(dag: DAG, options: Options) -> None:
    """Compile the original, as the submit task will in every run, so that Airflow shows what is wrong when it parses.

    :raises DelegationError: with the diagnostics
    """
    from ductwork import compiler
    from ductwork.diagnostics import Severity

    engine = options.engine if options.target == "stepfunctions" else "states"
    deployment = {"ledger_table": options.ledger_table}
    found = compiler.compile_loaded(dag, compiler.Options(options.target, None, deployment, engine=engine)).diagnostics
    if found.failed:
        findings = "\n".join(str(each) for each in found if each.severity is Severity.ERROR)
        raise DelegationError(f"DAG {dag.dag_id!r} does not compile for target {options.target}:\n{findings}")


def _mirror(task: BaseOperator, options: Options) -> MirrorTask:
    mirror = MirrorTask(**_arguments(task, options))
    _show(task, mirror)
    mirror.custom_operator_name = task.operator_name
    _start_waiting(mirror, task, options)
    return mirror


def _mapped_mirror(task: BaseOperator, options: Options) -> MappedOperator:
    name = task.partial_kwargs.get("task_display_name")
    partial = MirrorTask.partial(**_arguments(task, options), task_display_name=name)
    # Public expand() would make edges, which are there already.
    mirror = partial._expand(expansion.none(), strict=False)
    _show(task, mirror)
    mirror._operator_name = task.operator_name
    _start_waiting(mirror, task, options)
    return mirror


def _start_waiting(mirror: MirrorTask | MappedOperator, task: BaseOperator, options: Options) -> None:
    """Let Airflow's scheduler start a mirror task in the triggerer: it has nothing to do before its original has ended.

    The triggerer reads the whole DAG for each of them, which in a very large one takes longer than a process would.
    """
    if starts_tasks_in_triggerer() and len(task.dag.task_dict) <= _MOST_IN_TRIGGERER:
        mirror.start_from_trigger = True
        mirror.start_trigger_args = StartTriggerArgs(
            trigger_cls=TRIGGER,
            next_method="resume",
            trigger_kwargs={
                "task_id": task.task_id,
                "submit_task_id": options.submit_task_id,
                "target": options.target,
                "ledger_table": options.ledger_table,
                "connection": options.connection(),
                "poll_interval": options.poll_interval,
            },
        )


# Any: each argument is of the type that the operator says.
def _arguments(task: BaseOperator, options: Options) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "submit_task_id": options.submit_task_id,
        "target": options.target,
        "ledger_table": options.ledger_table,
        "poll_interval": options.poll_interval,
        "log_lines": options.log_lines,
        "weight_rule": weight_rule(task),
        # The label itself is made on AWS, where the values are that the original's template names.
        "map_index_template": LABEL_TEMPLATE if task.map_index_template else None,
        **options.connection(),
        **_workings(options),
        **{name: getattr(task, name) for name in CARRIED},
    }


def _show(task: BaseOperator, mirror: object) -> None:
    for name in _SHOWN:
        if hasattr(task, name):
            setattr(mirror, name, getattr(task, name))
    for name in _SCOPE:
        if getattr(task, name):
            setattr(mirror, name, True)


def _workings(options: Options) -> JsonObject:
    """What the twin's tasks need as Airflow tasks of their own."""
    return {"retries": options.retries, "retry_delay": RETRY_DELAY, "pool": options.pool, "queue": options.queue}


def _add_submit(dag: DAG, dag_file: str, options: Options) -> None:
    submit = StartTask(
        task_id=options.submit_task_id,
        dag_file=dag_file,
        remote_dag_id=dag.dag_id,
        target=options.target,
        engine=options.engine if options.target == "stepfunctions" else "states",
        ledger_table=options.ledger_table,
        role_arn=options.role_arn,
        places=dict(options.places) or None,
        waiter_delay=options.waiter_delay,
        owner=next((task.owner for task in dag.tasks), "airflow"),
        # The mirror tasks wait for it: where slots are few, it has the first.
        priority_weight=_FIRST,
        weight_rule="absolute",
        **options.connection(),
        **_workings(options),
    )
    submit.dag = dag  # not by argument: the DAG's default_args are meant for its author's operators
