"""The states around the tasks: they open the run in the ledger and close it.

``Prepare run``   fills in what the execution's input leaves out, as Airflow would
``Start run``     creates the run item, once: a second delivery of the same scheduled time ends quietly
``Refuse input``  ends an execution whose input cannot be taken as it is
``Within dates?`` a run before the DAG's start_date, or after its end_date, has no tasks
``Finish run``    writes the run's state by Airflow's leaf rule
``Call back``     a job that calls what the DAG says is to be called at the end of a run
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import inputs, scheduled_input, worker_requests
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Literal,
    Node,
    Value,
    call,
    either,
    exists,
    joined,
    lifted,
    merged,
    when,
)
from ductwork.backends.stepfunctions.asl.python import boxes
from ductwork.backends.stepfunctions.asl.scope import (
    CONF,
    CONTEXT,
    ENTERED,
    EXECUTION,
    INPUT,
    ITEM,
    RESULT,
    RUN,
    input_fields,
)
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.dataflow.clauses import outside
from ductwork.backends.stepfunctions.mapping import array_job
from ductwork.backends.stepfunctions.waits import depends_on_past
from ductwork.backends.stepfunctions.waits.concurrency_limit import Limit
from ductwork.contracts import asset_queue, error_names
from ductwork.contracts.ledger import JOIN_PREFIX, RUN_SK, json_text, limit_key
from ductwork.contracts.task_facts import Facts, TaskFacts, delays, of_task
from ductwork.ir import Retry, Task, Workflow
from ductwork.ir.asset_condition import updates
from ductwork.ir.expressions import CONF as CONF_VALUE
from ductwork.ir.expressions import run_values_in
from ductwork.ir.window import Window
from ductwork.schedules import intervals
from ductwork.semantics.trigger_rules import ABSENT, NO_STATUS
from ductwork.semantics.trigger_rules import FAILED as FAILED_STATES

PREPARE, START, ALREADY, FINISH = "Prepare run", "Start run", "Already started", "Finish run"
BEGIN, REFUSE = "Begin run", "Refuse input"
DATES = "Within dates?"
CHECK, SUCCEEDED, FAILED = "Run succeeded?", "Run succeeded", "Run failed"
CALL_BACK, CALLED = "Call back", "Called back"
_ENDS = {"success": SUCCEEDED, "failed": FAILED}

FAILURE = {
    "Type": "Fail",
    "Error": error_names.RUN_FAILED,
    "Cause": joined("run ", RUN.field("id"), " failed: its task instances are in the ledger under ", RUN.field("pk")),
}

_NOW = ENTERED
# What an expression does not take, it never takes.
_NO_RETRY: State = {"ErrorEquals": [integrations.EVALUATION_FAILED], "MaxAttempts": 0}
_HAS_SUCCEEDED = INPUT.field("state").equals("success")


def opening(
    workflow: Workflow,
    first_task: str,
    *,
    joins: bool,
    parts: bool = False,
    item: Mapping[str, Value] | None = None,
    manifest: str = "",
    refused: Sequence[inputs.Refusal] = (),
    read_last: Sequence[str] = (),
    values: Mapping[str, Node] | None = None,
    variables: Mapping[str, Value] | None = None,
) -> States:
    """The states before the first task: the run's values, its item in the ledger, what a run waits for.

    :param read_last: the tasks whose outcomes decide how the run ends
    :param joins: some part of the machine waits for another by a join
    :param parts: some part of it is a child machine
    :param item: attributes of the run's item besides, or in place of, the usual ones
    :param manifest: names what is in the ledger already of all tasks; empty: the run's item has it
    :param values: further members of ``$run``
    :param variables: further variables
    :param refused: what of an input is refused besides: :func:`inputs.run_values`
    """
    then, before = _before_first(workflow, first_task, read_last)
    further = dict(values or {}) | ({"joins": _JOINS} if joins else {})
    further |= {"execution": EXECUTION} if _limits(workflow) else {}
    further |= {"parts": _PARTS} if parts else {}
    if workflow.partitioned:
        further, refused = further | inputs.partition(), (*refused, *inputs.partition_refused())
    by_assets = workflow.timetable is not None and workflow.timetable.by_assets is not None
    if by_assets:
        further, refused = further | inputs.of_assets(), (*refused, *inputs.of_assets_refused())
    source = INPUT
    if workflow.timetable and (rule := intervals.rule_of(workflow.timetable)):
        source, refused = scheduled_input.filled(rule), (*refused, scheduled_input.REFUSED)
    return {
        PREPARE: {
            "Type": "Pass",
            "Assign": {
                "run": inputs.run_values(workflow.dag_id, further, refused, source, by_assets=by_assets),
                **(variables or {}),
            },
            "Output": {},
            "Next": START,
        },
        START: _start(workflow, _create_run(workflow, item or {}, manifest), then),
        ALREADY: {"Type": "Succeed"},
        REFUSE: {"Type": "Fail", "Error": error_names.INPUT_REFUSED, "Cause": INPUT.field("why")},
        **before,
    }


def _start(workflow: Workflow, item: State, after: str) -> State:
    return {
        "Type": "Task",
        "Resource": integrations.PUT_ITEM,
        "Arguments": item,
        **_with_conf(workflow),
        "Output": {},
        "Retry": [_NO_RETRY, *integrations.CONDITIONAL_RETRY],
        "Catch": [
            {"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": ALREADY},
            {"ErrorEquals": [integrations.EVALUATION_FAILED], "Output": {"why": inputs.WHY}, "Next": REFUSE},
        ],
        "Next": after,
    }


def _with_conf(workflow: Workflow) -> State:
    """The conf as data, where some task reads it; by now it is known to be an object."""
    if CONF_VALUE not in run_values_in([task.work for task in workflow.tasks]):
        return {}
    return {"Assign": {"run": merged(RUN, {CONF: boxes.parsed(RUN.field("conf"))})}}


def _before_first(workflow: Workflow, first_task: str, read_last: Sequence[str]) -> tuple[str, States]:
    """What a run waits for, and finds out, before its first task."""
    states: States = {}
    if any(task.past for task in workflow.tasks):
        first_task, states = depends_on_past.line_up(workflow, first_task)
    if workflow.window:
        # Before it lines up: such a run is nobody's past.
        states, first_task = {DATES: _dates(workflow.window, first_task, read_last)} | states, DATES
    if limit := Limit.of_runs(workflow):
        begin = {BEGIN: _begin(workflow, first_task)}
        first_task, taking = limit.take(BEGIN)
        states = taking | begin | states
    return first_task, states


def _dates(window: Window, after: str, read_last: Sequence[str]) -> State:
    """A run of a date for which Airflow makes no task instances has succeeded."""
    return {
        "Type": "Choice",
        "Choices": [
            {
                "Condition": outside(window),
                "Output": dict.fromkeys(read_last, ABSENT),
                "Next": FINISH,
            }
        ],
        "Default": after,
        "Output": {},
    }


def _begin(workflow: Workflow, after: str) -> State:
    return update_run(workflow, "#state = :running", {":running": "running"}, after)


def update_run(
    workflow: Workflow,
    changes: str,
    values: Mapping[str, Value],
    after: str,
    *,
    only_if: tuple[str, str] | None = None,
    output: State | None = None,
) -> State:
    """A state that changes the run's item, and ``updated_at`` with it.

    :param changes: of an UpdateExpression, after ``SET``; ``#state`` is the run's state and ``:now`` this moment
    :param values: texts for the other placeholders of ``changes``
    :param only_if: a condition, and the state that follows in place of ``after`` where it does not hold
    :param output: of what the item's changed attributes are then; None: nothing
    """
    condition, otherwise = only_if or ("", "")
    caught = {"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": otherwise}
    return {
        "Type": "Task",
        "Resource": integrations.UPDATE_ITEM,
        "Arguments": {
            "TableName": workflow.ledger_table,
            "Key": integrations.item_key(RUN_SK),
            "UpdateExpression": f"SET {changes}, updated_at = :now",
            **({"ConditionExpression": condition} if condition else {}),
            **({"ExpressionAttributeNames": {"#state": "state"}} if "#state" in changes else {}),
            "ExpressionAttributeValues": {name: {"S": value} for name, value in {**values, ":now": _NOW}.items()},
            **({"ReturnValues": "UPDATED_NEW"} if output else {}),
        },
        "Output": output or {},
        "Retry": integrations.CONDITIONAL_RETRY if condition else integrations.DYNAMODB_RETRY,
        **({"Catch": [caught]} if condition else {}),
        "Next": after,
    }


def closing(workflow: Workflow, leaves: Sequence[str], blocking: Sequence[str] = ()) -> States:
    """The states after the last task.

    :param leaves: the tasks whose outcomes decide the run's
    :param blocking: the tasks that may wait in vain
    """
    at_end = {end: CALL_BACK if end in workflow.calls_back else state for end, state in _ENDS.items()}
    limit = Limit.of_runs(workflow)
    if limit is None:
        return _finish(workflow, leaf_rule(leaves, blocking), at_end, CHECK)
    free, freeing = limit.free({"state": INPUT.field("state")}, CHECK)
    states = _finish(workflow, leaf_rule(leaves, blocking), at_end, free)
    return {FINISH: states.pop(FINISH), **freeing, **states}


def _finish(workflow: Workflow, state: Node, at_end: dict[str, str], then: str) -> States:
    ends: State = {"state": RESULT.field("Attributes", "state", "S")}
    ended: States = {
        FINISH: update_run(workflow, "#state = :state, ended_at = :now", {":state": state}, then, output=ends),
        CHECK: {
            "Type": "Choice",
            "Choices": [{"Condition": _HAS_SUCCEEDED, "Next": at_end["success"]}],
            "Default": at_end["failed"],
        },
        SUCCEEDED: {"Type": "Succeed"},
        FAILED: FAILURE,
    }
    return ended | (_call_back(workflow) if workflow.calls_back else {})


def _call_back(workflow: Workflow) -> States:
    request = worker_job.run_request(workflow)
    request["containerOverrides"]["environment"].append({"name": "DUCTWORK_CALLBACK", "value": "run"})
    arguments = worker_requests.arguments(workflow, "callback", request)
    both = len(workflow.calls_back) > 1
    after = CALLED if both else _ENDS[next(iter(workflow.calls_back))]
    states: States = {
        CALL_BACK: {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": arguments,
            "Output": INPUT,
            "Retry": integrations.job_retry(Retry()),
            # A run has ended as it has, whatever became of the callback.
            "Catch": [{"ErrorEquals": [integrations.ANY_ERROR], "Output": INPUT, "Next": after}],
            "Next": after,
        }
    }
    if both:
        states[CALLED] = {
            "Type": "Choice",
            "Choices": [{"Condition": _HAS_SUCCEEDED, "Next": SUCCEEDED}],
            "Default": FAILED,
        }
    return states


def leaf_rule(leaves: Sequence[str], blocking: Sequence[str]) -> Node:
    """Airflow fails a run if a task that nothing depends on failed or could not run, or if any task waits
    in vain."""
    if not (leaves or blocking):
        return Literal("success")
    failure = exists(input_fields(leaves).where(ITEM.is_in(sorted(FAILED_STATES))))
    deadlock = [lifted(NO_STATUS).is_in(input_fields(blocking))] if blocking else []
    return when(either(failure, *deadlock), "failed", "success")


# A restart is another execution of the same run and must not find the joins of the one before.
_JOINS = joined(JOIN_PREFIX, inputs.hashed(EXECUTION), "#")


# The machine's own ARN, without what may follow its name (a version, an alias), and a hyphen: child machines are named
# after it.
_PARTS = call("join", call("split", CONTEXT.field("StateMachine", "Id"), ":", 7), ":") & "-"


def facts(workflow: Workflow) -> Facts:
    """What run time knows of all tasks."""
    return {task.task_id: _facts(workflow, task) for task in workflow.tasks}


def _known_of_tasks(workflow: Workflow, manifest: str) -> State:
    if not manifest:
        return {"tasks": {"S": json_text(facts(workflow))}}
    known: State = {"manifest": {"S": manifest}}
    if past := [task.task_id for task in workflow.tasks if task.past]:
        known[depends_on_past.TASKS] = {"S": json_text(past)}
    return known


def _create_run(workflow: Workflow, further: Mapping[str, Value], manifest: str) -> State:
    item: State = {
        **integrations.item_key(RUN_SK),
        "dag_id": {"S": workflow.dag_id},
        "run_id": {"S": RUN.field("id")},
        "state": {"S": "queued" if workflow.max_active_runs else "running"},
        "run_type": {"S": RUN.field("type")},
        "logical_date": {"S": RUN.field("logical_date")},
        "data_interval_start": {"S": RUN.field("start")},
        "data_interval_end": {"S": RUN.field("end")},
        "run_after": {"S": RUN.field("end")},
        "conf": {"S": inputs.CONF},
        "started_at": {"S": _NOW},
        "updated_at": {"S": _NOW},
        "target": {"S": "stepfunctions"},
        "execution_arn": {"S": EXECUTION},
        "dag_file": {"S": workflow.dag_file},
        **_known_of_tasks(workflow, manifest),
        "expires_at": {"N": RUN.field("expires")},
    }
    item |= {name: {"S": date} for name, date in workflow.window.facts().items()}
    if workflow.fail_fast:
        item["fail_fast"] = {"BOOL": True}
    if keys := _limits(workflow):
        # Where to free what an execution that breaks cannot free itself.
        item["limits"] = {"S": json_text(keys)}
    if workflow.partitioned:
        item |= {name: {"S": RUN.field(name)} for name in ("partition_key", "partition_date")}
    if workflow.timetable and (started_by := workflow.timetable.by_assets):
        # As under Airflow (3.3.2), what a reference alone asks after starts a run, and is not among its events.
        wanted = [each.document() for each in updates(started_by.condition) if each.alias or (each.name and each.uri)]
        item |= {name: {"S": RUN.field(name)} for name in (asset_queue.AFTER, "run_after")}
        item[asset_queue.TRIGGERS] = {"S": json_text(wanted)}
    if workflow.assets:
        item["assets"] = {"S": json_text([asset.document() for asset in workflow.assets])}
    return {
        "TableName": workflow.ledger_table,
        "Item": item | dict(further),
        # A retry of this very state finds the item its first try wrote.
        "ConditionExpression": "attribute_not_exists(pk) OR execution_arn = :execution",
        "ExpressionAttributeValues": {":execution": {"S": EXECUTION}},
    }


def _limits(workflow: Workflow) -> list[tuple[str, str]]:
    """The keys of the limits that the run and its tasks are under."""
    keys = [limit_key(workflow.dag_id)] if workflow.max_active_runs else []
    return list(dict.fromkeys([*keys, *(slots.key for task in workflow.tasks for slots in task.slots)]))


def _facts(workflow: Workflow, task: Task) -> TaskFacts:
    in_array = task.length is not None and array_job.fits(task)
    by_worker = task.work.has_worker
    tells = by_worker and task.retry.varies and not in_array
    # Batch starts the next attempt of an array's child at once: the worker waits. Elsewhere it says for how long.
    waiting: TaskFacts = delays(task.retry) if tells or (in_array and task.retry.retries) else {}
    return of_task(
        task,
        {
            **waiting,
            "teardown": task.is_teardown and workflow.fail_fast,
            "tells_delay": tells,
            "calls_back": tells and bool(task.calls_back),
            # The machine has no loop through a Wait for a task that is not known to ask to be started again later.
            "hold_reschedules": by_worker and not task.starts_again,
            "reschedules": by_worker and task.reschedules,
            "instant": task.work.is_empty,
            "literal_size": workflow.sizes.get(task.task_id, 0),
        },
    )
