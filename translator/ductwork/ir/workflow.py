"""One DAG in its target-neutral form. Rules make its tasks, passes rewrite it, back ends read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ductwork.diagnostics import Origin
from ductwork.ir.assets import Asset
from ductwork.ir.deployment import Deployment
from ductwork.ir.map_length import MAX_MAP_LENGTH, Length
from ductwork.ir.task import Task
from ductwork.ir.task_groups import TaskGroup
from ductwork.ir.timetable import Timetable
from ductwork.ir.window import ALWAYS_OPEN, Window

# The end of a run, and the setting of a DAG that says what to call then.
RUN_CALLBACKS = {"success": "on_success_callback", "failed": "on_failure_callback"}


@dataclass(frozen=True)
class Workflow:
    """One DAG.

    :param tasks: in topological order; tasks that may run side by side are in order of their ids
    :param dag_file: the DAG file's path relative to its bundle
    :param ledger_table: the ledger's table, a name or a ``${substitution}``
    :param task_groups: all task groups by id
    :param mapped_groups: the mapped task groups: how many instances each has
    :param max_map_length: how many items Airflow lets a return value have that something is expanded over
    :param deployment: where and with what jobs of the run itself run
    :param timeout: seconds after which the run is stopped
    :param max_active_runs: how many runs may go on at the same time; None: any number
    :param calls_back: the ends of the run (``success``, ``failed``) that call back
    :param restartable: a new execution of the same run can pass over the tasks that are done
    :param assets: what its tasks may ask for by name or URI
    :param source_order: the ids of its tasks in the order in which its author wrote them
    :param title: what people call it
    :param tags: in alphabetical order
    :param sns_topic: ARN of the one SNS topic that hears of every end of a run; empty for none
    :param partitioned: its runs may have a partition key
    :param window: the logical dates for which Airflow makes instances of any task
    :param fail_fast: a task that fails for good ends all others but teardowns
    :param timetable: when Airflow starts its runs; None for a DAG that only people start
    """

    dag_id: str
    origin: Origin
    dag_file: str
    bundle_path: str
    tasks: tuple[Task, ...]
    ledger_table: str = "${LedgerTable}"
    task_groups: Mapping[str, TaskGroup] = field(default_factory=dict)
    mapped_groups: Mapping[str, Length] = field(default_factory=dict)
    max_map_length: int = MAX_MAP_LENGTH
    deployment: Deployment = field(default_factory=Deployment)
    timeout: float | None = None
    max_active_runs: int | None = None
    calls_back: tuple[str, ...] = ()
    restartable: bool = True
    assets: tuple[Asset, ...] = ()
    source_order: tuple[str, ...] = ()
    title: str = ""
    tags: tuple[str, ...] = ()
    sns_topic: str = ""
    partitioned: bool = False
    window: Window = ALWAYS_OPEN
    fail_fast: bool = False
    timetable: Timetable | None = None

    @property
    def starts_runs_of(self) -> tuple[str, ...]:
        """The DAGs of which its tasks start runs; :data:`~ductwork.ir.ANY_DAG` for what cannot be told."""
        return tuple(sorted({dag_id for task in self.tasks for dag_id in task.work.starts_runs_of}))

    @cached_property
    def by_id(self) -> dict[str, Task]:
        """The tasks by their ids."""
        return {task.task_id: task for task in self.tasks}

    def length_of(self, task: Task) -> Length | None:
        """How many instances a task has, whether mapped itself or within a mapped group; None if it has but one."""
        return self.mapped_groups[task.mapped_group] if task.mapped_group else task.length

    def counted(self, task: Task) -> tuple[str, ...]:
        """The tasks whose return values tell how many instances a task has."""
        length = self.length_of(task)
        return () if length is None else tuple(dict.fromkeys(length.sources()))

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The number of instances of each mapped task of which the file tells it."""
        known = {task.task_id: found.fixed for task in self.tasks if (found := self.length_of(task)) is not None}
        return {task_id: number for task_id, number in known.items() if number is not None}

    def most(self, length: Length) -> int:
        """How many instances there are at the most."""

        def of_task(task_id: str) -> int:
            expanded_over = self.length_of(self.by_id[task_id])
            return self.max_map_length if expanded_over is None else self.most(expanded_over)

        return length.most(of_task)
