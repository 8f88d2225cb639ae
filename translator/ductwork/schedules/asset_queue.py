"""Updates of assets that start runs: the rules whose events tell of them, and the machine that counts them.

Airflow keeps a queue for each DAG: which of its assets have been updated since its last run. As soon as the DAG's
condition holds of them, and ``max_active_runs`` lets one more run go on, a run takes all of them, and the queue is
empty. Here the queue is an item of the ledger (``contracts/asset_queue.py``), and an Express machine does the rest:

``Read event``     which of the DAG's updates the event is
``Queue event``    counts it, once, however often EventBridge delivers it
``Read queue``     whether the condition holds of all that has been counted; from here on: ``run_queue``
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from ductwork import ir
from ductwork.contracts import asset_queue as contract
from ductwork.contracts.aws_schedules import EventRule, Starter
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import RETENTION_DAYS, json_text
from ductwork.ir.asset_condition import AllOf, AssetUpdate, Condition, updates
from ductwork.schedules import run_queue
from ductwork.schedules.run_queue import filled

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: characters of a pattern
_PATTERN_LIMIT = 2_048
# Of ListExecutions, which counts the runs that go on; a limit beyond it limits nothing here.
_LISTED_AT_MOST = 1_000
_CANCELLED = ["DynamoDb.TransactionCanceledException", "DynamoDB.TransactionCanceledException"]
# Step Functions lists an execution that has ended as one that goes on for a moment.
_LISTED_AFTER_SECONDS = 5


def of_workflow(workflow: ir.Workflow, condition: Condition) -> Starter:
    """The queue of a DAG whose deployment names an event bus.

    :param condition: which updates start a run
    """
    bus = workflow.deployment.event_bus
    assert bus, "the caller has seen to it"
    patterns = [*_patterns(updates(condition))]
    rules = [EventRule("", pattern, bus, "updates of assets") for pattern in patterns]
    if _limit(workflow):
        rules.append(EventRule("", run_queue.ENDS, "default", "a run has ended, and there may be room for another"))
    told = f"updates of {condition}, of which bus {bus} tells"
    return Starter(_definition(workflow, condition), tuple(rules), told)


def _patterns(wanted: Sequence[AssetUpdate]) -> Iterator[JsonObject]:
    """Patterns that together match every event that counts; the machine tells which of them it is."""
    named = sorted({update.name for update in wanted if update.name})
    by_uri = sorted({update.uri for update in wanted if update.uri and not update.name})
    aliases = sorted({update.alias for update in wanted if update.alias})
    for values, path in ((named, ("asset", "name")), (by_uri, ("asset", "uri")), (aliases, ("alias",))):
        some: list[str] = []
        for value in values:
            if some and len(json.dumps(_pattern(path, [*some, value]))) > _PATTERN_LIMIT:
                yield _pattern(path, some)
                some = []
            some.append(value)
        if some:
            yield _pattern(path, some)


def _pattern(path: Sequence[str], values: Sequence[str]) -> JsonObject:
    detail: object = list(values)
    for name in reversed(path):
        detail = {name: detail}
    return {"source": [contract.SOURCE], "detail-type": [contract.DETAIL_TYPE], "detail": detail}


def _limit(workflow: ir.Workflow) -> int:
    """How many runs may go on at a time; 0 for any number."""
    limit = workflow.max_active_runs or 0
    return limit if limit < _LISTED_AT_MOST else 0


# In the names of Airflow: a run with a partition key starts only runs of DAGs with partitions.
_EVENT = """{% (
  $wanted := @WANTED@;
  $in := $states.input;
  $event := $in.detail;
  $counts := $lookup($in, 'detail-type') = '@TYPE@' and $type($event.partition_key) != 'string';
  {
    'keys': $counts ? [$wanted[
      ($not($exists(name)) or name = $event.asset.name) and ($not($exists(uri)) or uri = $event.asset.uri)
      and ($not($exists(alias)) or alias = $event.alias)
    ].key] : [],
    'id': $counts ? $event.id : '',
    'at': $counts ? $event.timestamp : '',
    'ended': $exists($event.executionArn) ? $event.executionArn : ''
  }
) %}"""

_HOLDS = "$count($queue.keys) > 0 and $queue.holds"

# A late event, of before the last run, starts one that is about it and what came since.
_QUEUE = """{% (
  $item := $states.result.Item;
  $known := @KEYS@;
  $keys := [$known[$exists($lookup($item, $))]];
  $times := $sort([$keys.($lookup($item, $).S)]);
  $last := $item.run_after.S ? $item.run_after.S : '';
  $low := $times[0];
  $high := $times[-1];
  $counted := $item.counted.N ? $item.counted.N : '0';
  $suffix := $substring($hash('@DAG@#' & $counted, 'SHA-256'), 0, 8);
  $before := $last = '' ? @FIRST@
    : $low > $last ? $last : $fromMillis($toMillis($low) - 1);
  $run := $count($keys) = 0 ? {} : {
    'run_id': '@RUN_TYPE@__' & @HIGH@ & '_' & $suffix,
    'run_type': '@RUN_TYPE@',
    'run_after': $high,
    '@AFTER@': $before
  };
  {
    'keys': $keys,
    'holds': @CONDITION@,
    'counted': $counted,
    'due': $item.due_run.S ? $item.due_run.S : '',
    'last': $count($keys) = 0 or $last > $high ? $last : $high,
    'run': $string($run)
  }
) %}"""


def _definition(workflow: ir.Workflow, condition: Condition) -> JsonObject:
    wanted = [{"key": contract.update_key(each), **each.document()} for each in updates(condition)]
    catchup = workflow.timetable is not None and workflow.timetable.catchup
    known: Mapping[str, str] = {
        "@WANTED@": json_text(wanted),
        "@KEYS@": json_text([each["key"] for each in wanted]),
        "@CONDITION@": _expression(condition),
        "@TYPE@": contract.DETAIL_TYPE,
        "@DAG@": workflow.dag_id,
        "@RUN_TYPE@": contract.RUN_TYPE,
        "@HIGH@": run_queue.as_airflow_writes("$high"),
        "@AFTER@": contract.AFTER,
        "@FIRST@": "'1970-01-01T00:00:00.000Z'" if catchup else "$fromMillis($toMillis($low) - 1)",
    }
    states: dict[str, object] = {
        "Read event": {"Type": "Pass", "Assign": {"event": filled(_EVENT, known)}, "Next": "What of it?"},
        "What of it?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $count($event.keys) > 0 %}", "Next": "Queue event"},
                {"Condition": "{% $event.ended != '' %}", "Next": "Let its end be seen"},
            ],
            "Default": "Done",
        },
        "Let its end be seen": {"Type": "Wait", "Seconds": _LISTED_AFTER_SECONDS, "Next": "Read queue"},
        **_counting(workflow),
        **run_queue.deciding(workflow, filled(_QUEUE, known), _HOLDS, _limit(workflow)),
        **run_queue.starting(workflow, "SET run_after = :last, due_run = :run REMOVE ' & $join($queue.keys, ', ') & '"),
        "Done": {"Type": "Succeed"},
    }
    return {
        "Comment": f"Starts runs of {workflow.dag_id} when its assets have been updated",
        "QueryLanguage": "JSONata",
        "StartAt": "Read event",
        "States": states,
    }


def _expression(condition: Condition) -> str:
    if isinstance(condition, AssetUpdate):
        return f"'{contract.update_key(condition)}' in $keys"
    word = " and " if isinstance(condition, AllOf) else " or "
    return f"({word.join(map(_expression, condition.members))})"


def _counting(workflow: ir.Workflow) -> JsonObject:
    """An event is counted, and remembered, by one request: it cannot be counted twice, nor half."""
    table = workflow.ledger_table
    seen = {
        **run_queue.key(workflow, f"{{% '{contract.EVENT_PREFIX}' & $event.id %}}"),
        "expires_at": {"N": f"{{% $string($floor($millis() / 1000) + {RETENTION_DAYS * 86_400}) %}}"},
    }
    changes = "{% 'SET ' & $join([$event.keys.($ & ' = if_not_exists(' & $ & ', :at)')], ', ') & ' ADD counted :one' %}"
    count = {
        "TableName": table,
        "Key": run_queue.key(workflow),
        "UpdateExpression": changes,
        "ExpressionAttributeValues": {":at": {"S": "{% $event.at %}"}, ":one": {"N": "1"}},
    }
    put = {"TableName": table, "Item": seen, "ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "Queue event": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:transactWriteItems",
            "Arguments": {"TransactItems": [{"Put": put}, {"Update": count}]},
            "Retry": [{"ErrorEquals": _CANCELLED, "MaxAttempts": 0}, run_queue.TRANSIENT],
            "Catch": [
                {
                    "ErrorEquals": _CANCELLED,
                    "Assign": {"why": "{% $string($states.errorOutput.Cause) %}"},
                    "Next": "Counted already?",
                }
            ],
            "Next": "Read queue",
        },
        "Counted already?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $contains($why, 'ConditionalCheckFailed') %}", "Next": "Read queue"}],
            "Default": "Let another count",
        },
        # Two events at a time: DynamoDB cancels one of the two.
        "Let another count": {"Type": "Wait", "Seconds": 1, "Next": "Queue event"},
    }
