"""The run's item in the ledger, and what of it a job chain's manifest says.

A state machine's first state writes it, or the submitter of a job chain; mirrors, workers and restarts change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, cast

from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.task_facts import Facts, TaskFacts
from ductwork.ir import Workflow


class RunValues(TypedDict, total=False):
    """What a run is started with. Dates are ISO 8601.

    :ivar run_type: Airflow's: manual, scheduled, backfill, asset_triggered
    :ivar conf: JSON text
    :ivar logical_date: empty, as are both ends of the data interval, for a run that updates of assets have started
    :ivar asset_events_after: of such a run: the events after this moment, up to ``run_after``, are what it is about;
        empty for others
    """

    run_type: str
    logical_date: str
    data_interval_start: str
    data_interval_end: str
    run_after: str
    conf: str
    partition_key: str
    partition_date: str
    asset_events_after: str


class DagFacts(TypedDict, total=False):
    """What the compiled DAG says of its runs; what is false or nothing is left out.

    :ivar dag_file: the DAG file's path relative to its bundle
    :ivar start_date: ISO 8601, of what all tasks share, as is ``end_date``
    :ivar fail_fast: a task that fails for good ends all others but teardowns
    :ivar assets: what its tasks may ask for by name or URI: ``name``, ``uri``, ``group``, ``extra``
    """

    dag_file: str
    start_date: str
    end_date: str
    tasks: Facts
    fail_fast: bool
    assets: Sequence[JsonObject]


class Manifest(DagFacts, total=False):
    """What a job chain's document says for the run's item, which its submitter writes."""

    ledger_table: str


class RunItem(RunValues, DagFacts, total=False):
    """Everything may be missing of an item that an earlier version has written, or that was read in part.

    :ivar state: ``queued``, ``running``, ``success`` or ``failed``
    :ivar target: ``stepfunctions`` or ``batch``
    :ivar engine: ``batch`` where a state machine submits a job chain
    :ivar execution_arn: of the newest execution
    :ivar manifest: the id of the manifest that has ``tasks``, where several machines carry the run
    :ivar limits: ``(pk, sk)`` of the limits that the run and its tasks are under
    :ivar asset_triggers: JSON text, of a DAG that is scheduled on assets: on which, see ``contracts.asset_queue``
    :ivar restart: the plan of a restart that is not carried out yet
    :ivar restarts: how many restarts a job chain has had
    :ivar stopping: why the run is being stopped
    :ivar finished_at: when the last job of a chain has ended; ``ended_at``: when its tasks are all accounted for
    :ivar expires_at: seconds since the epoch
    """

    pk: str
    sk: str
    dag_id: str
    run_id: str
    state: str
    target: str
    engine: str
    execution_arn: str
    manifest: str
    limits: Sequence[Sequence[str]]
    asset_triggers: str
    started_at: str
    updated_at: str
    finished_at: str
    ended_at: str
    expires_at: int
    error: str
    reason: str
    restart: str
    restarts: int
    stopping: str


def of_workflow(workflow: Workflow, tasks: Facts) -> DagFacts:
    """What the compiled DAG says of its runs, on whatever target.

    :param tasks: as the back end says
    """
    facts: DagFacts = {
        "dag_file": workflow.dag_file,
        "start_date": workflow.window.start,
        "end_date": workflow.window.end,
        "tasks": tasks,
        "fail_fast": workflow.fail_fast,
        "assets": [asset.document() for asset in workflow.assets],
    }
    return cast(DagFacts, {name: value for name, value in facts.items() if value or name == "tasks"})


def tasks_of(run: DagFacts) -> Facts:
    """The facts of a run's tasks; none where its execution broke before it could write them."""
    return run.get("tasks") or {}


def facts_of(run: DagFacts, task_id: str) -> TaskFacts:
    """What a run's item says of one task; nothing of a task that it does not know."""
    return tasks_of(run).get(task_id) or {}


def is_chain(run: RunItem) -> bool:
    """Whether a run's tasks are a chain of Batch jobs, whoever has submitted them."""
    return "batch" in {run.get("target"), run.get("engine")}
