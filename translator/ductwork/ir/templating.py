"""What a task's templates are rendered with, beside its run's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameter:
    """A Param of a task, its DAG's included.

    :param default: JSON data
    :param has_default: else Airflow fails a task whose run's conf does not give it
    :param schema: JSON Schema, by which Airflow checks what a conf gives
    :param clocked: the file takes it from the clock or from chance: each parse has another
    """

    default: object
    has_default: bool = True
    schema: Mapping[str, object] = field(default_factory=dict)
    clocked: bool = False


@dataclass(frozen=True)
class Templating:
    """What templates of a task may name.

    :param params: by name, in Airflow's order
    :param conf_counts: a run's conf changes the params
    :param macros: the DAG's own names, those that are plain data with what they are; None for the others
    :param filters: the names of the DAG's own filters
    :param xcoms: the tasks whose XComs are single values that stand when it starts: upstream of it, and none is mapped
    :param own_undefined: the DAG says itself what becomes of a name that there is not
    """

    dag_id: str
    task_id: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    conf_counts: bool = True
    macros: Mapping[str, object] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    xcoms: tuple[str, ...] = ()
    own_undefined: bool = False
