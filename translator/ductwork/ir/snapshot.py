"""A DAG file's content as plain data: what the front end hands on, so that nothing after it needs Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ductwork.diagnostics import Origin
from ductwork.ir.assets import Asset
from ductwork.ir.map_length import Length
from ductwork.ir.task_groups import TaskGroup
from ductwork.ir.templating import Templating
from ductwork.ir.timetable import Timetable
from ductwork.ir.window import ALWAYS_OPEN, Window

# A setting of a DAG that the front end works out: its timetable gives runs a data interval of some length.
DATA_INTERVAL = "data interval"
# Settings that say how many may go on at a time. None at all is a limit, too: under Airflow nothing ever starts.
LIMIT_SETTINGS = ("max_active_runs", "max_active_tasks", "max_active_tis_per_dag", "max_active_tis_per_dagrun")
# Likewise, of a DAG whose runs may have a partition key: whether its timetable gives scheduled runs one.
PARTITION_KEY = "partition key"


@dataclass(frozen=True)
class Opaque:
    """A value that is not plain data (a function, a client, an XCom reference), by its type and text."""

    type_name: str
    text: str


@dataclass(frozen=True)
class TaskSnapshot:
    """One operator of a DAG.

    :param operator: dotted name of the operator's class
    :param ancestors: dotted names of its class and bases, nearest first
    :param upstream: ids of the direct upstream tasks, in no particular order of importance, sorted
    :param arguments: the constructor arguments as the operator holds them: plain JSON values,
        durations as seconds, :class:`Opaque` for the rest
    :param template_fields: names of the arguments that Airflow renders with Jinja
    :param template_ext: texts of template fields that end so are names of files that Airflow reads
    :param redefines: by class, nearest first: what its body defines anew of what the classes behind it define
    :param read_by: tasks whose arguments or code read an XCom of this one, as far as that can be seen
    :param group_path: the task groups it is in, by id, the outermost first
    :param mapped_group: the mapped task group it is in
    :param length: of a mapped task; None for what cannot be told, as inside a mapped task group
    :param instances: of a mapped task, where the file tells all it is expanded over: each as a task of its own
    :param is_empty: Airflow's scheduler finishes it without a worker (an EmptyOperator with nothing to do)
    :param setups: setups above the task, direct or not
    :param fails_run: for a teardown: its failure fails the run
    :param may_defer: its code can hand over to a trigger, so its run time is not bound by execution_timeout
    :param max_retry_delay: seconds; None for no bound
    :param retry_delay: seconds
    :param retry_backoff: factor from one retry delay to the next; 0 for a constant delay
    :param execution_timeout: seconds
    :param zone: Airflow's default time zone, an IANA name or an offset like +05:30, in which it reads moments that do
        not say theirs; empty if it is the machine's own
    :param clocked: names of what its operator works with and takes from the clock or from chance, so that it is another
        each time the file is parsed
    :param window: the logical dates for which Airflow makes an instance of it; the DAG's own dates count too
    :param rendered: it is of a task that runs: Airflow has rendered its templates, and nobody will know more of it
    :param templating: what its templates may name, beside the run's values; None: nothing
    """

    task_id: str
    origin: Origin
    operator: str
    ancestors: tuple[str, ...]
    upstream: tuple[str, ...] = ()
    trigger_rule: str = "all_success"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    template_fields: tuple[str, ...] = ()
    template_ext: tuple[str, ...] = ()
    redefines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    read_by: tuple[str, ...] = ()
    is_empty: bool = False
    is_mapped: bool = False
    length: Length | None = None
    instances: tuple[TaskSnapshot, ...] = ()
    group_path: tuple[str, ...] = ()
    mapped_group: str = ""
    is_setup: bool = False
    is_teardown: bool = False
    fails_run: bool = False
    setups: tuple[str, ...] = ()
    may_defer: bool = False
    retries: int = 0
    retry_delay: float = 300.0
    retry_backoff: float = 0.0
    max_retry_delay: float | None = None
    execution_timeout: float | None = None
    window: Window = ALWAYS_OPEN
    executor_config: object = None
    zone: str = "UTC"
    settings: Mapping[str, Any] = field(default_factory=dict)
    clocked: tuple[str, ...] = ()
    rendered: bool = False
    templating: Templating | None = None


@dataclass(frozen=True)
class DagSnapshot:
    """One DAG.

    :param tasks: in the order in which the author wrote them
    :param dag_file: the DAG file's path relative to its bundle (the DAGs folder)
    :param bundle_path: the bundle's folder on this machine
    :param mapped_groups: mapped task groups, and how many instances each has; None for what cannot be told
    :param task_groups: all task groups by id
    :param settings: DAG-level settings that only some targets honour, as plain data
    :param assets: what its tasks read and write and it is scheduled on, in order of names
    :param schedule: when Airflow would start it, in words; empty for a DAG that only people start
    :param timetable: the same as data; None for a DAG that only people start
    :param title: its description, else its display name
    :param tags: in alphabetical order
    :param sns_topic: ARN of the one SNS topic that hears of every end of a run; empty for none
    """

    dag_id: str
    origin: Origin
    dag_file: str
    bundle_path: str
    tasks: tuple[TaskSnapshot, ...]
    mapped_groups: Mapping[str, Length | None] = field(default_factory=dict)
    task_groups: Mapping[str, TaskGroup] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()
    schedule: str = ""
    timetable: Timetable | None = None
    title: str = ""
    tags: tuple[str, ...] = ()
    sns_topic: str = ""
