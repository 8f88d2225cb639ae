"""What an operator's templates may name, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ductwork.frontend.plain import has_opaque, plain
from ductwork.ir.templating import Parameter, Templating

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.param import ParamsDict


def templating_of(task: BaseOperator, *, pulls: bool) -> Templating:
    """What is known of the templates of an operator of a loaded DAG.

    :param pulls: they may pull XComs
    """
    from airflow.configuration import conf
    from jinja2 import StrictUndefined

    dag = task.dag
    params: dict[str, Parameter] = {}
    # The order of Airflow's process_params.
    for source in (dag.params, task.params):
        params |= _parameters(source)
    macros = dict(dag.user_defined_macros or {})
    values = {str(name): plain(value) for name, value in macros.items()}
    return Templating(
        dag_id=plain(task.dag_id),
        task_id=plain(task.task_id),
        params=params,
        conf_counts=conf.getboolean("core", "dag_run_conf_overrides_params"),
        macros={name: None if has_opaque(value) else value for name, value in values.items()},
        filters=tuple(sorted(map(str, dag.user_defined_filters or ()))),
        xcoms=tuple(_single_xcoms(task)) if pulls else (),
        own_undefined=dag.template_undefined is not StrictUndefined,
    )


def _single_xcoms(task: BaseOperator) -> list[str]:
    """The tasks of which a pull gives the one value that the ledger has as text."""
    from airflow.sdk.bases.xcom import BaseXCom
    from airflow.sdk.execution_time.xcom import XCom

    # Another back end may keep the values elsewhere.
    if XCom is not BaseXCom or task.get_closest_mapped_task_group() is not None:
        return []
    tasks = {plain(up): task.dag.get_task(up) for up in task.get_flat_relative_ids(upstream=True)}
    return sorted(
        up for up, above in tasks.items() if not above.is_mapped and above.get_closest_mapped_task_group() is None
    )


def _parameters(source: ParamsDict) -> dict[str, Parameter]:
    from airflow.sdk.definitions._internal.types import is_arg_set

    found = {}
    for name in source:
        param = source.get_param(name)
        has_default = is_arg_set(param.value)
        default = plain(param.value) if has_default else None
        found[str(name)] = Parameter(default, has_default, plain(param.schema or {}))
    return found
