"""Status without anybody who looks: a small Express machine that AWS's own events start, and that writes the ledger.

It writes what a mirror (``ductwork_airflow.mirror``) would write of the same job, by the same rules: a task instance
only moves forward, and what a worker or a machine has ended stays as it is. Of an execution that broke it says on the
run's item that it failed and why. What its tasks end as needs the whole graph: the next look of a mirror tells.

* A job of a worker waits for a place (``RUNNABLE``, ``STARTING``): its task is queued. Children of an array job have
  events of their own, and what they tell is of their instances; the array itself is none.
* It runs: its log stream is known. It failed, and nobody but Batch knows why: the reason.
* An execution failed, timed out or was aborted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.cloudformation.intrinsics import Value
from ductwork.contracts import exit_codes, ledger
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.task_item import CALLBACKS_DUE

# The ledger's name, a parameter of the shared stack.
TABLE = "${LedgerTableName}"
_CONDITION_FAILED = ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]
_RETRY = [
    {"ErrorEquals": _CONDITION_FAILED, "MaxAttempts": 0},
    {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 4, "JitterStrategy": "FULL"},
]
# Others write first what they know better, and an index follows its table.
_LATER_SECONDS = 5
_TOLD = [exit_codes.SUCCEEDED, exit_codes.FAILED, exit_codes.RETRY]

# In the place of the event itself: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
_EVENT = "<aws.events.event.json>"


def job_events(queues: Sequence[Value]) -> Mapping[str, Value]:
    """The pattern of the events of the jobs in some queues.

    https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html

    :param queues: their ARNs
    """
    return {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {"jobQueue": list(queues), "status": ["RUNNABLE", "STARTING", "RUNNING", "FAILED"]},
    }


def execution_events(machine: Value) -> Mapping[str, Value]:
    """The pattern of the events of a machine's executions that broke.

    :param machine: its ARN
    """
    return {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }


def execution_input(dag_id: str) -> str:
    """The ``InputTemplate`` of such events: ARNs do not tell a DAG's id."""
    return f'{{"dag_id": {ledger.json_text(dag_id)}, "event": {_EVENT}}}'


def definition() -> JsonObject:
    """The machine's definition, with the place :data:`TABLE`."""
    states = {**_job_states(), **_run_states(), "Done": {"Type": "Succeed"}}
    begin = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $exists($states.input.dag_id) %}", "Next": "Let others write"}],
        "Default": "Read event",
    }
    return {
        "Comment": "Writes what AWS tells of jobs and executions into Ductwork's ledger",
        "QueryLanguage": "JSONata",
        "StartAt": "Of a job or a run?",
        "States": {"Of a job or a run?": begin, **states},
    }


_JOB = """{% (
  $job := $states.input.detail;
  $env := $merge([$job.container.environment.{name: value}]);
  $exit := $job.container.exitCode;
  $of_array := $env.DUCTWORK_MAP_INDEX = 'array';
  $first := $env.DUCTWORK_MAP_OFFSET ? $number($env.DUCTWORK_MAP_OFFSET) : 0;
  $index := $of_array ? $string($job.arrayProperties.index + $first) : $env.DUCTWORK_MAP_INDEX;
  $why := [$job.container.reason, $job.statusReason, 'the container ended without a report'][0];
  {
    'id': $job.jobId,
    'status': $job.status,
    'pk': 'run#' & $env.DUCTWORK_DAG_ID & '#' & $env.DUCTWORK_RUN_ID,
    'sk': 'task#' & $env.DUCTWORK_TASK_ID & '#' & $index,
    'stream': $job.container.logStreamName ? $job.container.logStreamName : '',
    'attempts': $count($job.attempts[$exists(stoppedAt)]),
    'why': $exit in @TOLD@ ? '' : $exists($exit) ? $why & ' (exit code ' & $string($exit) & ')' : $why,
    'ours': $env.DUCTWORK_LEDGER_TABLE = '@TABLE@' and $boolean($env.DUCTWORK_TASK_ID)
      and $exists($index)
      and $not($exists($env.DUCTWORK_CALLBACK) or $exists($env.DUCTWORK_JOIN) or $exists($env.DUCTWORK_XCOM))
  }
) %}"""

# As mirror/batch_jobs.py has it: coming_try, waiting, advance.
_MOVE = """{% (
  $item := $states.result.Item;
  $state := $item.state.S ? $item.state.S : '';
  $try := $item.try_number.N ? $number($item.try_number.N) : 0;
  $same := $item.job_id.S = $job.id;
  $order := @ORDER@;
  $at := $lookup($order, $state);
  $number := $not($exists($item)) ? 1
    : $exists($item.outcome) or $exists($item.@DUE@) ? 0
    : $state = 'up_for_retry' ? $try + 1
    : ($state = 'up_for_reschedule' and $not($same)) or ($at ? $at : 0) < $order.running ? $max([$try, 1])
    : $not($same) ? $try + 1
    : ($item.job_attempt.N ? $number($item.job_attempt.N) : 1) > $job.attempts ? 0 : $try + 1;
  $dead := $state in ['running', 'deferred'] and $exists($item.job_attempt) and $try = $number - 1;
  $told := $state = 'queued' and $same and $try = $number;
  $new := $dead ? 'up_for_retry' : 'queued';
  $of := $dead ? $number - 1 : $number;
  {
    'is': $number > 0 and $not($told),
    'state': $new,
    'try': $string($of),
    'rank': $string($max([$of, $try]) * @STEP@ + $lookup($order, $new)),
    'dead': $dead,
    'further': $exists($item) and $try != $of,
    'seen': $item.updated_at.S ? $item.updated_at.S : ''
  }
) %}"""

_MOVED = """{% (
  $set := 'SET #state = :state, try_number = :try, #rank = :rank, updated_at = :now, '
    & 'expires_at = if_not_exists(expires_at, :expires)'
    & ($move.dead ? ', @DUE@ = :due, ended_at = :now' : ', job_id = :job')
    & ($not($move.dead) and $job.stream != '' ? ', log_stream = :stream' : '');
  $gone := $join([$move.dead ? '' : 'ended_at', $move.further ? '#error, started_at' : ''][$ != ''], ', ');
  $values := {
    ':state': {'S': $move.state}, ':try': {'N': $move.try}, ':rank': {'N': $move.rank}, ':now': {'S': $now()},
    ':expires': {'N': $string($floor($millis() / 1000) + @RETENTION@)}
  };
  {
    'TableName': '@TABLE@',
    'Key': {'pk': {'S': $job.pk}, 'sk': {'S': $job.sk}},
    'UpdateExpression': $set & ($gone != '' ? ' REMOVE ' & $gone : ''),
    'ConditionExpression': ($move.seen = '' ? 'attribute_not_exists(pk)' : 'updated_at = :seen')
      & ' AND (attribute_not_exists(#rank) OR #rank < :rank) AND attribute_not_exists(outcome)',
    'ExpressionAttributeNames':
      $merge([{'#state': 'state', '#rank': 'rank'}, $move.further ? {'#error': 'error'} : {}]),
    'ExpressionAttributeValues': $merge([
      $values,
      $move.seen != '' ? {':seen': {'S': $move.seen}} : {},
      $move.dead ? {':due': {'S': 'retry'}} : {':job': {'S': $job.id}},
      $not($move.dead) and $job.stream != '' ? {':stream': {'S': $job.stream}} : {}
    ])
  }
) %}"""


def _filled(expression: str) -> str:
    """An expression on one line, with what the contracts say in it."""
    known = {
        "@TABLE@": TABLE,
        "@TOLD@": repr(_TOLD),
        "@ORDER@": repr(dict(ledger.STATE_ORDER)),
        "@STEP@": str(ledger.TRY_STEP),
        "@DUE@": CALLBACKS_DUE,
        "@RETENTION@": str(ledger.RETENTION_DAYS * 86_400),
    }
    text = " ".join(expression.split())
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def _update(arguments: object, *, following: str = "Done") -> Mapping[str, Value]:
    """A state that updates an item; a condition that does not hold means that somebody knows better."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Arguments": arguments,
        "Retry": _RETRY,
        "Catch": [{"ErrorEquals": _CONDITION_FAILED, "Next": "Done"}],
        "Next": following,
    }


def _job_states() -> dict[str, Value]:
    key = {"pk": {"S": "{% $job.pk %}"}, "sk": {"S": "{% $job.sk %}"}}
    waits = "{% $job.ours and $job.status in ['RUNNABLE', 'STARTING'] %}"
    return {
        "Read event": {"Type": "Pass", "Assign": {"job": _filled(_JOB)}, "Next": "What of it?"},
        "What of it?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": waits, "Next": "Read task"},
                {"Condition": "{% $job.ours and $job.status = 'RUNNING' and $job.stream != '' %}", "Next": "Keep log"},
                {"Condition": "{% $job.ours and $job.why != '' and $job.status = 'FAILED' %}", "Next": "Let task end"},
            ],
            "Default": "Done",
        },
        "Read task": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:getItem",
            "Arguments": {"TableName": TABLE, "Key": key, "ConsistentRead": True},
            "Assign": {"move": _filled(_MOVE)},
            "Retry": _RETRY,
            "Next": "Is that new?",
        },
        "Is that new?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $move.is %}", "Next": "Move task"}],
            "Default": "Done",
        },
        "Move task": _update(_filled(_MOVED)),
        "Keep log": _update(
            {
                "TableName": TABLE,
                "Key": key,
                "UpdateExpression": "SET log_stream = :stream, updated_at = :now",
                "ConditionExpression": "job_id = :job AND attribute_not_exists(log_stream)",
                "ExpressionAttributeValues": {
                    ":stream": {"S": "{% $job.stream %}"},
                    ":job": {"S": "{% $job.id %}"},
                    ":now": {"S": "{% $now() %}"},
                },
            }
        ),
        "Let task end": {"Type": "Wait", "Seconds": _LATER_SECONDS, "Next": "Say why"},
        "Say why": _update(
            {
                "TableName": TABLE,
                "Key": key,
                "UpdateExpression": "SET #error = :why, updated_at = :now",
                "ConditionExpression": "job_id = :job AND #state = :failed AND attribute_not_exists(#error)",
                "ExpressionAttributeNames": {"#error": "error", "#state": "state"},
                "ExpressionAttributeValues": {
                    ":why": {"S": "{% $job.why %}"},
                    ":job": {"S": "{% $job.id %}"},
                    ":failed": {"S": "failed"},
                    ":now": {"S": "{% $now() %}"},
                },
            }
        ),
    }


_WHY = """{% (
  $detail := $states.input.event.detail;
  $join([$detail.status, $join([$detail.error, $detail.cause], ': ')][$ != ''], ': ')
) %}"""


def _run_states() -> dict[str, Value]:
    execution = "{% $states.input.event.detail.executionArn %}"
    return {
        "Let others write": {"Type": "Wait", "Seconds": _LATER_SECONDS, "Next": "Find run"},
        "Find run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:query",
            "Arguments": {
                "TableName": TABLE,
                "IndexName": ledger.INDEX_BY_DAG,
                "KeyConditionExpression": "dag_id = :dag",
                "FilterExpression": "execution_arn = :execution AND attribute_not_exists(ended_at)",
                "ExpressionAttributeValues": {
                    ":dag": {"S": "{% $states.input.dag_id %}"},
                    ":execution": {"S": execution},
                },
                "ProjectionExpression": "pk",
                "ScanIndexForward": False,
                "Limit": 200,
            },
            "Assign": {
                "run": {"pk": "{% [$states.result.Items.pk.S, ''][0] %}", "execution": execution, "why": _filled(_WHY)}
            },
            "Retry": _RETRY,
            "Next": "Is it there?",
        },
        "Is it there?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $run.pk != '' %}", "Next": "Fail run"}],
            "Default": "Done",
        },
        "Fail run": _update(
            {
                "TableName": TABLE,
                "Key": {"pk": {"S": "{% $run.pk %}"}, "sk": {"S": ledger.RUN_SK}},
                "UpdateExpression": "SET #state = :failed, #error = :why, updated_at = :now",
                "ConditionExpression": "execution_arn = :execution AND attribute_not_exists(ended_at)",
                "ExpressionAttributeNames": {"#state": "state", "#error": "error"},
                "ExpressionAttributeValues": {
                    ":failed": {"S": "failed"},
                    ":why": {"S": "{% $run.why %}"},
                    ":execution": {"S": "{% $run.execution %}"},
                    ":now": {"S": "{% $now() %}"},
                },
            }
        ),
    }
