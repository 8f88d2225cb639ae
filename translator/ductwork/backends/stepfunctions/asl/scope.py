"""What expressions read: the state's data, the context object, the variables of the run and of an instance."""

from __future__ import annotations

from collections.abc import Iterable

from ductwork.backends.stepfunctions.asl.nodes import (
    Name,
    Node,
    Value,
    Variable,
    array,
    call,
    lifted,
    text_of,
)
from ductwork.backends.stepfunctions.asl.python.written import written
from ductwork.contracts import shared_request
from ductwork.ir import Expr, PerInstance

_STATES = Variable("states")
INPUT = _STATES.field("input")
# Of Tasks, Parallels and Maps; and what a catcher has in its place.
RESULT, ERROR = _STATES.field("result"), _STATES.field("errorOutput")
CONTEXT = _STATES.field("context")
ENTERED = CONTEXT.field("State", "EnteredTime")
EXECUTION = CONTEXT.field("Execution", "Id")
TOKEN = CONTEXT.field("Task", "Token")

# The item that a step, a filter or a lambda is about.
ITEM = Variable("")
# The run, as the first state made it of the execution's input.
RUN = Variable("run")
# The member of it that is the conf as data, in machines that read it.
CONF = "given"
# What the requests of its workers have in common.
JOB = Variable(shared_request.VARIABLE)
# The index of an iteration of a Map, and as text.
INDEX = Variable("index")
INDEX_TEXT = text_of(INDEX)

_DATE = RUN.field("logical_date")
_RUN_VALUES = {
    "run_id": RUN.field("id"),
    "run_hash": RUN.field("hash"),
    "region": RUN.field("region"),
    "ds": call("substring", _DATE, 0, 10),
    "ds_nodash": call("replace", call("substring", _DATE, 0, 10), "-", ""),
    "ts": _DATE,
    "data_interval_start": RUN.field("start"),
    "data_interval_end": RUN.field("end"),
    "conf": RUN.field(CONF),
    "map_index": INDEX_TEXT,
    "ts_nodash": call("replace", call("replace", call("substring", _DATE, 0, 19), "-", ""), ":", ""),
}


def input_fields(names: Iterable[str]) -> Node:
    """An array of fields of the state's input, without those that are not there; not for a path that goes on, whose
    next step would get the array as a whole."""
    return INPUT.each(array(*map(Name, names)))


def members(attribute: Node) -> Node:
    """The members of a set of strings of the ledger, where a state reads one.

    DynamoDB says ``SS``; reports of Step Functions' SDK integration spell the types of nested values as Java does.
    """
    return attribute.each(call("append", Name("SS"), Name("Ss")))


def at_run_time(value: object) -> Value:
    """JSON data of the workflow with a node for each expression of its own, and for each value that instances have for
    themselves."""
    if isinstance(value, Expr):
        return written(value, _RUN_VALUES)
    if isinstance(value, PerInstance):
        return lifted([at_run_time(inner) for inner in value.values]).at(INDEX)
    if isinstance(value, dict):
        return {key: at_run_time(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [at_run_time(inner) for inner in value]
    return value
