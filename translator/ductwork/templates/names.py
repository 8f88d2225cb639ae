"""What Airflow puts into the context of templates: each name that is lowered, and the attributes of its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ductwork.ir.expressions import CONF, Call, Constant, Expr, RunValue, Text
from ductwork.ir.templating import Parameter, Templating
from ductwork.templates import values
from ductwork.templates.errors import NotSaidError
from ductwork.templates.values import Kind, Member, Value

TS = RunValue("ts")
# What a date is called that has the attributes of Python's alone.
PYTHONS = "datetime"


def _without(text: Expr, *parts: str) -> Expr:
    for part in parts:
        text = Call("replace", (text, Text(part), Text("")))
    return text


def _run_id() -> Value:
    return values.text(RunValue("run_id"))


def _date(name: str) -> Callable[[], Value]:
    return lambda: values.date(RunValue(name))


def _datetime(name: str) -> Callable[[], Value]:
    """Not one of pendulum's, as the others are."""
    return lambda: replace(values.date(RunValue(name)), name=PYTHONS)


# Of any run.
_OF_RUNS: dict[str, Callable[[], Value]] = {
    "run_id": _run_id,
    "ds": lambda: values.text(RunValue("ds"), is_day=True),
    "ds_nodash": lambda: values.text(RunValue("ds_nodash"), is_ascii=True),
    "ts": lambda: values.text(TS, is_ascii=True),
    "ts_nodash": lambda: values.text(RunValue("ts_nodash"), is_ascii=True),
    "ts_nodash_with_tz": lambda: values.text(_without(TS, "-", ":"), is_ascii=True),
    "logical_date": _date("ts"),
    "data_interval_start": _date("data_interval_start"),
    "data_interval_end": _date("data_interval_end"),
    "dag_run.run_id": _run_id,
    "dag_run.logical_date": _datetime("ts"),
    "dag_run.data_interval_start": _datetime("data_interval_start"),
    "dag_run.data_interval_end": _datetime("data_interval_end"),
    "dag_run.conf": lambda: values.data(RunValue(CONF)),
    "ti.run_id": _run_id,
}
# Of a task that is known.
_OF_TASKS: dict[str, Callable[[Templating], Value]] = {
    "dag.dag_id": lambda known: values.constant(known.dag_id),
    "dag_run.dag_id": lambda known: values.constant(known.dag_id),
    "ti.dag_id": lambda known: values.constant(known.dag_id),
    "task.dag_id": lambda known: values.constant(known.dag_id),
    "ti.task_id": lambda known: values.constant(known.task_id),
    "task.task_id": lambda known: values.constant(known.task_id),
    "task_instance_key_str": lambda known: values.text(
        values.joined([Text(f"{known.dag_id}__{known.task_id}__"), RunValue("ds_nodash")])
    ),
    "params": lambda known: _params(known),
}
_SYNONYMS = {"task_instance": "ti"}
# "macros" has functions alone: ductwork.templates.methods.
_OBJECTS = {"dag_run", "ti", "task", "dag", "macros", "macros.datetime"}
# All others in the context (Airflow 3.3.2), which come before a DAG's own names.
_OTHERS = (
    *("conn", "var", "inlets", "outlets", "inlet_events", "outlet_events", "map_index_template", "partition_key"),
    *("partition_date", "prev_data_interval_start_success", "prev_data_interval_end_success", "task_reschedule_count"),
    *("prev_start_date_success", "prev_end_date_success", "triggering_asset_events", "task_state_store"),
    "asset_state_store",
)
_CONTEXT = {*_OTHERS, *_SYNONYMS, *(name.partition(".")[0] for name in (*_OF_RUNS, *_OF_TASKS, *_OBJECTS))}

# Types of JSON Schema of which more is known, and what a value of such a type is.
_TYPES = {"string": Kind.TEXT, "integer": Kind.NUMBER, "boolean": Kind.TRUTH}
# What a schema may say that lets any value pass.
_NO_CHECK = {
    *("type", "title", "description", "description_md", "examples", "section", "const_label", "values_display"),
    *("custom_html_form", "source"),
}
_JSON_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


def named(name: str, known: Templating | None) -> Value:
    """What a name of the context, or an attribute of an object in it, stands for.

    :param name: like ``ds`` or ``dag_run.conf``
    :raises NotSaidError: there is no such name, or only Airflow knows what it is
    """
    first, dot, rest = name.partition(".")
    name = _SYNONYMS.get(first, first) + dot + rest
    if name in _OF_RUNS:
        return _OF_RUNS[name]()
    if name in _OBJECTS:
        return Value(Kind.OBJECT, Constant(None), name=name)
    if known is not None and name in _OF_TASKS:
        return _OF_TASKS[name](known)
    if known is not None and name not in _CONTEXT and (macro := known.macros.get(name)) is not None:
        return values.constant(macro)
    raise NotSaidError()


def _params(known: Templating) -> Value:
    if clocked := [name for name, param in known.params.items() if param.clocked]:
        raise NotSaidError(f"params, of which the file takes {clocked[0]} from the clock or from chance")
    defaults = {name: param.default for name, param in known.params.items() if param.has_default}
    conf = RunValue(CONF) if known.conf_counts else Constant({})
    return Value(Kind.DATA, Call("params", (Constant(defaults), conf)), name="params")


def parameter(owner: Value, name: str, known: Templating) -> Value:
    """One of the params, with the type that its schema gives it.

    :raises NotSaidError: Airflow checks it in a way that is not lowered
    """
    param = known.params.get(name)
    required = param is not None and not param.has_default
    member = Member(owner.expr, Text(name), required)
    found = Call("member", (owner.expr, Text(name), Text(f"params.{name}")))
    if param is None or not param.schema:
        return values.data(found, member)
    return _typed(found, param, member, name)


def _typed(found: Expr, param: Parameter, member: Member, name: str) -> Value:
    said = param.schema.get("type")
    types = [said] if isinstance(said, str) else said
    if set(param.schema) - _NO_CHECK or not (types is None or (isinstance(types, list) and set(types) <= _JSON_TYPES)):
        raise NotSaidError(f"params.{name}, which has a schema")
    if types is None:
        return values.data(found, member)
    checked = Call("typed", (found, Text(" ".join(sorted(types))), Text(f"params.{name}")))
    kind = _TYPES.get(types[0], Kind.DATA) if len(types) == 1 else Kind.DATA
    return Value(kind, checked, member=member)
