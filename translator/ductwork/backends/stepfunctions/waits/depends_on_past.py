"""depends_on_past and wait_for_downstream: a task waits for itself in the run before.

``Has it a logical date?``  of a DAG that assets start: a run that has none waits for none, and none for it
``Line up``            puts the run behind the DAG's latest one, once
``Remember the past``  notes which that was on the run's item, for a restart
``Tasks of the past``  finds out which tasks that run had, where one asks (ignore_first_depends_on_past)
``Await past X``       waits until X of that run, and with wait_for_downstream all directly below it, succeeded or was
                       skipped; it goes on at once where there is no run before
``Tell next run: X``   X has ended so, or a task directly below it has
``Wake X of next run`` wakes the run that waits for it

As under Airflow, where the default of ignore_first_depends_on_past is False whatever ``[scheduler]
ignore_first_depends_on_past_by_default`` says (3.3.2), a task that the run before did not have waits in vain.

The run before is the latest one that was started for an earlier logical date. As under Airflow, a task whose past self
failed waits until that is mended: by a restart of the run before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations, state_data
from ductwork.backends.stepfunctions.asl.nodes import (
    Node,
    Variable,
    array,
    call,
    either,
    every,
    exists,
    first_of,
    lifted,
    negated,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, RESULT, RUN, TOKEN, members
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.waits.wakeup import Waking
from ductwork.contracts.ledger import RUN_SK, latest_key, past_sk
from ductwork.contracts.names import state_name
from ductwork.ir import Task, Workflow

LINE_UP, _DATED = "Line up", "Has it a logical date?"
# Of the run's item where that does not have all tasks' facts: those that may wait for themselves.
TASKS = "past_tasks"
_REMEMBER, _RECALL, _TASKS = "Remember the past", "Recall the past", "Tasks of the past"
_ITEM = "the past"
# The key of the run before, or empty text; the ids of its tasks.
_PAST, _HAD = Variable("past"), Variable("had")


def line_up(workflow: Workflow, after: str) -> tuple[str, States]:
    """The states that find the run before, and the first of them; afterwards the variable ``$past`` holds its key, or
    empty text, and ``$had`` the ids of its tasks where one of them asks."""
    asks = any(task.past and task.ignores_first_past for task in workflow.tasks)
    then = _TASKS if asks else after
    run = {"TableName": workflow.ledger_table, "Key": integrations.item_key(RUN_SK)}
    latest, noted = (_text_or_empty(RESULT.field(*path)) for path in (("Attributes", "run"), ("Item", "past")))
    states: States = {
        LINE_UP: _lining_up(workflow, latest),
        _REMEMBER: {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": {
                **run,
                "UpdateExpression": "SET past = :past",
                "ExpressionAttributeValues": {":past": {"S": INPUT.field("past")}},
            },
            "Assign": {"past": INPUT.field("past")},
            "Output": {},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": then,
        },
        _RECALL: {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {**run, "ConsistentRead": True},
            "Assign": {"past": noted},
            "Output": {},
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": then,
        },
    }
    if asks:
        states[_TASKS] = _tasks_of_the_past(workflow, after)
    if workflow.timetable and workflow.timetable.by_assets:
        # A run that assets start has no date: there is none before it, and it is before none.
        nothing = {"past": "", **({"had": []} if asks else {})}
        none = {"Condition": RUN.field("logical_date").equals(""), "Assign": nothing, "Next": after}
        return _DATED, {_DATED: {"Type": "Choice", "Choices": [none], "Default": LINE_UP}, **states}
    return LINE_UP, states


def _lining_up(workflow: Workflow, latest: Node) -> State:
    pk, sk = latest_key(workflow.dag_id)
    return {
        "Type": "Task",
        "Resource": integrations.UPDATE_ITEM,
        "Arguments": {
            "TableName": workflow.ledger_table,
            "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            "UpdateExpression": "SET #run = :run, logical_date = :date",
            "ConditionExpression": "attribute_not_exists(logical_date) OR logical_date < :date",
            "ExpressionAttributeNames": {"#run": "run"},
            "ExpressionAttributeValues": {
                ":run": {"S": RUN.field("pk")},
                ":date": {"S": RUN.field("logical_date")},
            },
            "ReturnValues": "ALL_OLD",
        },
        "Output": {"past": latest},
        "Retry": integrations.CONDITIONAL_RETRY,
        # A restart, or a run of the past: what was noted when it first came, if anything.
        "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": {}, "Next": _RECALL}],
        "Next": _REMEMBER,
    }


def _text_or_empty(attribute: Node) -> Node:
    return when(exists(attribute), attribute.field("S"), "")


def _tasks_of_the_past(workflow: Workflow, after: str) -> State:
    tasks, waiting = (RESULT.field("Item", name, "S") for name in ("tasks", TASKS))
    return {
        "Type": "Task",
        "Resource": integrations.GET_ITEM,
        "Arguments": {
            "TableName": workflow.ledger_table,
            # Keys are never empty; no item has this one.
            "Key": {"pk": {"S": when(_PAST.equals(""), "none", _PAST)}, "sk": {"S": RUN_SK}},
            "ProjectionExpression": f"tasks, {TASKS}",
            "ConsistentRead": True,
        },
        "Assign": {
            "had": first_of(
                [
                    (exists(tasks), array(call("keys", call("parse", tasks)))),
                    (exists(waiting), call("parse", waiting)),
                ],
                [],
            )
        },
        "Output": {},
        "Retry": integrations.DYNAMODB_RETRY,
        "Next": after,
    }


def variables(tasks: Iterable[Task]) -> dict[str, Variable]:
    """The variables of :func:`line_up` that states of the tasks read, by name."""
    past = [task for task in tasks if task.past]
    asks = any(task.ignores_first_past for task in past)
    return ({"past": _PAST} if past else {}) | ({"had": _HAD} if asks else {})


@dataclass(frozen=True)
class Past:
    """The wait of one task.

    :param tells: the task, and with wait_for_downstream those directly below it
    :param ignores_first: the task does not wait if the run before did not have it (ignore_first_depends_on_past)
    """

    table: str
    task_id: str
    tells: tuple[str, ...]
    ignores_first: bool = False

    def wait(self, after: str) -> tuple[str, States]:
        """The states before the task; the state data passes through."""
        await_name = state_name(f"Await past {self.task_id}")
        asks = state_name(f"Has {self.task_id} a past?")
        token = TOKEN
        values = {":token": {"S": token}, ":all": {"N": str(len(self.tells))}}
        waiting: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM_AND_WAIT,
            "Arguments": {
                "TableName": self.table,
                "Key": {"pk": {"S": _PAST}, "sk": {"S": past_sk(self.task_id)}},
                "UpdateExpression": "SET #token = :token, expires_at = :expires",
                "ConditionExpression": "attribute_not_exists(#told) OR size(#told) < :all",
                "ExpressionAttributeNames": {"#token": "token", "#told": "told"},
                "ExpressionAttributeValues": values | {":expires": {"N": RUN.field("expires")}},
            },
            "Output": INPUT,
            "Retry": integrations.CONDITIONAL_RETRY,
            "Catch": [{"ErrorEquals": integrations.CONDITION_FAILED, "Output": INPUT, "Next": after}],
            "Next": after,
        }
        none = negated(lifted(self.task_id).is_in(_HAD)) if self.ignores_first else _PAST.equals("")
        asking: State = {
            "Type": "Choice",
            "Choices": [{"Condition": none, "Next": after}],
            "Default": await_name,
        }
        return asks, {asks: asking, await_name: waiting}

    def tell(self, table: str, task_id: str, kept: state_data.Kept, after: str | None) -> tuple[str, States]:
        """The states after ``task_id``, whose outcome is in the state data."""
        item, mine = INPUT.field(_ITEM), array(INPUT.field(task_id))
        badly = either(*(lifted(state).is_in(mine) for state in ("failed", "upstream_failed")))
        told = call("count", members(item.field("told")))
        waking = Waking(
            names=(
                f"Tell next run: {self.task_id}: {task_id}",
                f"Does next run wait? {self.task_id}: {task_id}",
                "",
                f"Wake {self.task_id} of next run: {task_id}",
                f"Told next run: {self.task_id}: {task_id}",
            ),
            update={
                "TableName": table,
                "Key": integrations.item_key(past_sk(self.task_id)),
                "UpdateExpression": "ADD #told :me SET expires_at = :expires",
                "ExpressionAttributeNames": {"#told": when(badly, "ended_badly", "told")},
                "ExpressionAttributeValues": {
                    ":me": {"SS": [task_id]},
                    ":expires": {"N": RUN.field("expires")},
                },
                "ReturnValues": "ALL_NEW",
            },
            noted=(_ITEM, RESULT.field("Attributes")),
            awaited=every(exists(item.field("token")), told.equals(len(self.tells))),
            token=item.field("token", "S"),
        )
        return waking.states(kept.output({}, exactly=True), after)


def pasts(workflow: Workflow) -> dict[str, Past]:
    """The waits of a workflow's tasks, by task."""
    return {
        task.task_id: Past(
            workflow.ledger_table,
            task.task_id,
            (task.task_id, *(_below(workflow, task.task_id) if task.past == "all" else ())),
            task.ignores_first_past,
        )
        for task in workflow.tasks
        if task.past
    }


def _below(workflow: Workflow, task_id: str) -> Sequence[str]:
    return [task.task_id for task in workflow.tasks if task_id in task.upstream]
