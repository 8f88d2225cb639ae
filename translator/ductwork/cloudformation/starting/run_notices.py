"""A message of SNS at the end of a run: which tasks failed, why, and how to restart it.

EventBridge tells of executions that end, at least once and in any order; a small express machine looks into the ledger
and publishes the message, once for each execution that the ledger knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.cloudformation.intrinsics import Value, arn, att, ref, sub
from ductwork.cloudformation.starting.machines import Places, Resources, jsonata, machine, quoted
from ductwork.cloudformation.statements import Statement, role
from ductwork.contracts.ledger import INDEX_BY_DAG

_MACHINE, _RULE = "NoticeMachine", "NoticeRule"
# Of Step Functions' executions those that ended otherwise than well.
FAILED = ("FAILED", "TIMED_OUT", "ABORTED")
_MOST_TASKS, _MOST_ERROR = 20, 300
_CONDITION_FAILED = ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]
_RETRY = [
    {"ErrorEquals": _CONDITION_FAILED, "MaxAttempts": 0},
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2},
]

_MESSAGE = """
(
  $ended := $event.status = 'SUCCEEDED' ? 'succeeded' : $event.status = 'ABORTED' ? 'was stopped'
    : $event.status = 'TIMED_OUT' ? 'has run out of time' : 'failed';
  $shown := $failed[[0..%(last)d]];
  $lines := $map($shown, function($task) {(
    $key := $split($task.sk.S, '#');
    '  ' & $key[1] & ($key[2] = '-1' ? '' : '[' & $key[2] & ']')
      & (' ' & ($exists($task.error) ? 'failed: ' & $substring($task.error.S, 0, %(error)d) : 'failed'))
  )});
  $more := $count($failed) - $count($shown);
  $bad := $event.status != 'SUCCEEDED';
  $join([
    'Run ' & $run_id & ' of DAG ' & $dag_id & ' ' & $ended & '.',
    $count($failed) > 0 ? ['', 'Tasks:', $lines] : [],
    $more > 0 ? '  and ' & $string($more) & ' more' : [],
    $bad and $exists($event.cause)
      ? ['', 'Step Functions: ' & $string($event.error) & ': ' & $substring($event.cause, 0, 1000)] : [],
    $bad and $known ? ['', 'To run again what did not end well:',
      '  ductwork restart ' & $quoted($dag_id) & ' ' & $quoted($run_id) & ' --ledger-table ${Ledger}',
      'To pass over a task:',
      '  ductwork skip ' & $quoted($dag_id) & ' ' & $quoted($run_id) & ' TASK --ledger-table ${Ledger}'] : [],
    '', 'Execution: ' & $event.executionArn
  ], '\\n')
)
"""


_UNKNOWN = "$exists($states.result.Items[0]) ? $states.result.Items[0].run_id.S : '(not in the ledger)'"
_QUOTED = '$quoted := function($v) { "\'" & $replace($v, "\'", "\'\\"\'\\"\'") & "\'" };'
_SUBJECT = "$substring('Ductwork: ' & $dag_id & ' ' & $lowercase($event.status), 0, 99)"
# A page of a query may have nothing that the filter lets through, and yet there may be more.
_FURTHER = jsonata("$exists($states.result.LastEvaluatedKey) ? $states.result.LastEvaluatedKey : ''")
_FOUND = {
    "run_id": jsonata(_UNKNOWN),
    "known": jsonata("$exists($states.result.Items[0])"),
    "failed": [],
    "further": _FURTHER,
}
_FIND: dict[str, object] = {
    "TableName": "${Ledger}",
    "IndexName": INDEX_BY_DAG,
    "KeyConditionExpression": "dag_id = :dag",
    "FilterExpression": "execution_arn = :execution",
    "ScanIndexForward": False,
    "ProjectionExpression": "run_id",
    "ExpressionAttributeValues": {
        ":dag": {"S": jsonata("$dag_id")},
        ":execution": {"S": jsonata("$event.executionArn")},
    },
}
_MARK: dict[str, object] = {
    "TableName": "${Ledger}",
    "Key": {"pk": {"S": jsonata("'run#' & $dag_id & '#' & $run_id")}, "sk": {"S": "run"}},
    "UpdateExpression": "SET noticed = :execution",
    "ConditionExpression": "execution_arn = :execution AND NOT noticed = :execution",
    "ExpressionAttributeValues": {":execution": {"S": jsonata("$event.executionArn")}},
}
_TASKS: dict[str, object] = {
    "TableName": "${Ledger}",
    "ConsistentRead": True,
    "KeyConditionExpression": "pk = :pk AND begins_with(sk, :task)",
    "FilterExpression": "#state = :failed",
    "ProjectionExpression": "sk, #error",
    "ExpressionAttributeNames": {"#state": "state", "#error": "error"},
    "ExpressionAttributeValues": {
        ":pk": {"S": jsonata("'run#' & $dag_id & '#' & $run_id")},
        ":task": {"S": "task#"},
        ":failed": {"S": "failed"},
    },
}


def definition(places: Places) -> dict[str, object]:
    """The definition of the machine; its input is the ``detail`` of EventBridge's event."""
    dags = "{" + ", ".join(f"'${{Machine{n}}}': {quoted(dag)}" for n, dag in _numbered(places)) + "}"
    message = _MESSAGE % {"last": _MOST_TASKS - 1, "error": _MOST_ERROR}
    states: dict[str, object] = {
        "Read event": {
            "Type": "Pass",
            "Assign": {
                "event": jsonata("$states.input"),
                "dag_id": jsonata(f"$lookup({dags}, $states.input.stateMachineArn)"),
            },
            "Next": "Find run",
        },
        **_find_run(),
        **_read_tasks(),
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {
                "TopicArn": "${Topic}",
                "Subject": jsonata(_SUBJECT),
                "Message": jsonata(f"( {_QUOTED} {message} )"),
            },
            "Retry": [_RETRY[1]],
            "End": True,
        },
    }
    return {"QueryLanguage": "JSONata", "StartAt": "Read event", "States": states}


def _find_run() -> dict[str, object]:
    """The run of the execution, and the first of several deliveries of its end."""
    return {
        "Find run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:query",
            "Arguments": _FIND,
            "Assign": _FOUND,
            "Retry": _RETRY,
            "Next": "Is it known?",
        },
        "Is it known?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": jsonata("$known"), "Next": "Mark run"},
                {"Condition": jsonata("$further != ''"), "Next": "Look further"},
            ],
            "Default": "Tell",
        },
        "Look further": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:query",
            "Arguments": _further(_FIND),
            "Assign": _FOUND,
            "Retry": _RETRY,
            "Next": "Is it known?",
        },
        "Mark run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": _MARK,
            "Retry": _RETRY,
            "Catch": [{"ErrorEquals": _CONDITION_FAILED, "Next": "Told already"}],
            "Next": "Read tasks",
        },
        "Told already": {"Type": "Succeed"},
    }


def _read_tasks() -> dict[str, object]:
    """The tasks that failed."""
    return {
        "Read tasks": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:query",
            "Arguments": _TASKS,
            "Assign": {"failed": jsonata("[$states.result.Items]"), "further": _FURTHER},
            "Retry": _RETRY,
            "Next": "Are these all?",
        },
        "Are these all?": {
            "Type": "Choice",
            "Choices": [{"Condition": jsonata("$further != ''"), "Next": "Read on"}],
            "Default": "Tell",
        },
        "Read on": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:query",
            "Arguments": _further(_TASKS),
            "Assign": {"failed": jsonata("$append($failed, $states.result.Items)"), "further": _FURTHER},
            "Retry": _RETRY,
            "Next": "Are these all?",
        },
    }


def _further(query: Mapping[str, object]) -> dict[str, object]:
    return {**query, "ExclusiveStartKey": jsonata("$further")}


def _numbered(places: Places) -> list[tuple[int, str]]:
    return list(enumerate(places.machines, start=1))


def resources(places: Places, topic: Value, *, successes: bool = False) -> Resources:
    """The rule, the machine and their roles.

    :param topic: ARN of the topic that hears of the ends
    :param successes: of runs that end well, too
    """
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": list(places.machines.values()),
            "status": [*FAILED, *(["SUCCEEDED"] if successes else [])],
        },
    }
    target = {"Id": "notice", "Arn": ref(_MACHINE), "RoleArn": att("NoticeRuleRole"), "InputPath": "$.detail"}
    filled: dict[str, Value] = {f"Machine{n}": each for n, each in enumerate(places.machines.values(), start=1)}
    filled |= {"Ledger": places.ledger, "Topic": topic}
    index = sub("${Ledger}/index/" + INDEX_BY_DAG, Ledger=places.ledger_arn)
    start = Statement("Tell", ("states:StartExecution",), (ref(_MACHINE),))
    allowed = [
        Statement("ReadRuns", ("dynamodb:Query",), (places.ledger_arn, index)),
        Statement("MarkRuns", ("dynamodb:UpdateItem",), (places.ledger_arn,)),
        Statement("Publish", ("sns:Publish",), (topic,)),
    ]
    return {
        _RULE: {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": [target]}},
        "NoticeRuleRole": role("events.amazonaws.com", [arn("events", "rule/*")], [start]),
        **machine(_MACHINE, definition(places), filled, allowed, express=True),
    }
