"""The XComs that a task's expressions read: the machine fetches them in front of the task.

``Pull <task>: <other task> <key>``  an XCom's JSON text becomes a variable of the task's own
"""

from __future__ import annotations

from collections.abc import Callable

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import exists, first_of
from ductwork.backends.stepfunctions.asl.python.helpers import TOO_LARGE
from ductwork.backends.stepfunctions.asl.python.written import key_of, pulled
from ductwork.backends.stepfunctions.asl.scope import INPUT, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.contracts.ledger import xcom_sk
from ductwork.contracts.names import state_name
from ductwork.ir import Work, Workflow
from ductwork.ir.expressions import XCom, expressions_in, inside

# Bytes. What a state is given and gives may be 256 KiB, and nothing catches the error if it is more.
MOST_BYTES = 65_536
_TEXT = RESULT.field("Items").at(0).field("value", "S")


def pulls(workflow: Workflow, work: Work) -> list[Callable[[str], tuple[str, States]]]:
    """What makes the states that fetch the XComs of a task's work: given the name of the state that follows, the name
    of the state and the state."""
    read = (part for each in expressions_in(work) for part in inside(each) if isinstance(part, XCom))
    # A template may name the key of what a task returns, or not.
    found = {pulled(xcom).name: xcom for xcom in read}
    return [_making(workflow.ledger_table, xcom) for xcom in found.values()]


def _making(table: str, xcom: XCom) -> Callable[[str], tuple[str, States]]:
    name = state_name(f"Pull {xcom.reader}: {xcom.task_id} {key_of(xcom)}")
    return lambda after: (name, {name: _pull(table, xcom, after)})


def _pull(table: str, xcom: XCom, after: str) -> State:
    """A query, and no GetItem: its filter leaves out what is too large, and it says that there was something."""
    return {
        "Type": "Task",
        "Resource": integrations.QUERY,
        "Arguments": {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk AND sk = :sk",
            "FilterExpression": "size(#value) <= :most",
            "ProjectionExpression": "#value",
            "ExpressionAttributeNames": {"#value": "value"},
            "ExpressionAttributeValues": {
                ":pk": {"S": RUN.field("pk")},
                ":sk": {"S": xcom_sk(xcom.task_id, key_of(xcom))},
                ":most": {"N": str(MOST_BYTES)},
            },
            "ConsistentRead": True,
        },
        "Assign": {
            pulled(xcom).name: first_of([(exists(_TEXT), _TEXT), (RESULT.field("ScannedCount") > 0, TOO_LARGE)], "null")
        },
        "Output": INPUT,
        "Retry": integrations.DYNAMODB_RETRY,
        "Next": after,
    }
