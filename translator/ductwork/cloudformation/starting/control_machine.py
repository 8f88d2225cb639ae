"""The state machine that carries requests out: start, restart, skip, cancel.

A request is ``{"action", "dag_id", "run_id"?, "logical_date"?, "conf"?, "tasks"?}``, or the message of the universal
scheduler, ``{"scheduleId", "startDateTime", "scheduleStatus"}``. Runs are started by Step Functions; for the others,
which change a run's items in the ledger, a job runs the command line.

An express machine answers at once: it is the REST API's, and its input is ``{"path", "body"}``. A standard one has a
row of the table of requests for its input, takes it once, waits for the run, and writes into the row what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.cloudformation.intrinsics import Value, arn, ref
from ductwork.cloudformation.machine_policy import DESCRIBE_WHY
from ductwork.cloudformation.starting.machines import Places, Resources, jsonata, machine, quoted
from ductwork.cloudformation.statements import Statement, everywhere

Definition = dict[str, object]

ACTIONS = ("start", "restart", "skip", "cancel")
# scheduleStatus of the universal scheduler's message, and the action that it asks for.
STATUSES = {"START": "start", "RESTART": "restart", "CANCEL": "cancel", "STOP": "cancel"}
REFUSED = "Ductwork.RequestRefused"
_ROW = "$row"

# Plain values out of a row in DynamoDB's notation. Empty and blank stand for nothing, as in schedule documents.
_OF_ROW = """
$merge($each($states.input.row, function($v, $k) {
  {$k: $exists($v.S) ? $v.S : $exists($v.SS) ? $v.SS : $exists($v.L) ? [$v.L.S] : $v.N}
}))
"""
_REQUEST = """
(
  $in := %(given)s;
  $text := function($v) {( $t := $type($v) = 'string' ? $trim($v) : ''; $t = '' ? null : $t )};
  $at := $text($in.startDateTime);
  $actions := %(statuses)s;
  $r := $exists($in.scheduleId)
    ? {
        'action': $lookup($actions, $uppercase($string($text($in.scheduleStatus)))),
        'dag_id': $text($in.scheduleId), 'logical_date': $at,
        'run_id': $at = null ? null : 'manual__' & $at, 'tasks': []
      }
    : {
        'action': $text($in.action), 'dag_id': $text($in.dag_id), 'logical_date': $text($in.logical_date),
        'run_id': $text($in.run_id), 'tasks': $exists($in.tasks) ? [$in.tasks] : []
      };
  $conf := $in.conf;
  $machines := %(machines)s;
  $arn := $lookup($machines, $string($r.dag_id));
  $wrong := [$r.tasks[$type($) != 'string' or $not($contains($string($), /^[^-\\s]\\S*$/))]];
  $why := $not($exists($r.action)) or $not($r.action in ['start', 'restart', 'skip', 'cancel'])
      ? 'the action must be start, restart, skip or cancel; scheduleStatus START, RESTART, CANCEL or STOP'
    : $not($exists($arn)) ? 'no DAG ' & $string($r.dag_id) & ' may be started here'
    : $r.action != 'start' and $r.run_id = null ? $r.action & ' needs the run_id'
    : $r.action = 'skip' and $count($r.tasks) = 0 ? 'skip needs tasks'
    : $count($wrong) > 0 ? 'tasks must be task ids'
    : $exists($conf) and $not($type($conf) in ['object', 'string']) ? 'conf must be an object, or the JSON text of one'
    : '';
  $merge([$r, {'arn': $exists($arn) ? $arn : '', 'why': $why}, $exists($conf) ? {'conf': $conf} : {}])
)
"""
_RUN_INPUT = """
$merge([
  $request.run_id = null ? {} : {'run_id': $request.run_id},
  $request.logical_date = null ? {} : {'logical_date': $request.logical_date},
  $exists($request.conf) ? {'conf': $request.conf} : {}
])
"""
_COMMAND = """
$append(
  ['ductwork', $request.action, '--ledger-table', '${Ledger}'],
  $append($request.action = 'cancel' ? [] : ['--no-wait'],
  $append($request.action = 'restart'
    ? $reduce($request.tasks, function($found, $task) { $append($found, ['--task', $task]) }, []) : [],
  $append(['--', $request.dag_id, $request.run_id], $request.action = 'skip' ? $request.tasks : [])))
)
"""
_WORDS = {"restart": "restarted", "skip": "restarted", "cancel": "cancelled"}
_TRANSIENT = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2}


def definition(places: Places, *, of_rows: bool) -> Definition:
    """The definition, with ``${...}`` for what the template fills in.

    :param of_rows: the standard machine, whose input is ``{"row": ...}``
    """
    machines = "{" + ", ".join(f"{quoted(dag)}: '${{Machine{number}}}'" for number, dag in _numbered(places)) + "}"
    statuses = "{" + ", ".join(f"'{status}': '{action}'" for status, action in STATUSES.items()) + "}"
    given = _OF_ROW if of_rows else "$merge([$states.input.body, $states.input.path])"
    request = _REQUEST % {"given": given, "machines": machines, "statuses": statuses}
    assigned = {"request": jsonata(request)} | ({"row": jsonata("$states.input.row.id.S")} if of_rows else {})
    states: Definition = {
        "Read request": {"Type": "Pass", "Assign": assigned, "Next": "Take row" if of_rows else "Is it legal?"},
        "Is it legal?": {
            "Type": "Choice",
            "Choices": [{"Condition": jsonata("$request.why != ''"), "Next": "Refuse"}],
            "Default": "Which action?",
        },
        "Which action?": {
            "Type": "Choice",
            "Choices": [{"Condition": jsonata("$request.action = 'start'"), "Next": "Start run"}],
            "Default": "Run command",
        },
        "Start run": _start(of_rows=of_rows),
        "Run command": _command(of_rows=of_rows),
    }
    states |= _row_states() if of_rows else _answers()
    return {"QueryLanguage": "JSONata", "StartAt": "Read request", "States": states}


def _numbered(places: Places) -> list[tuple[int, str]]:
    return list(enumerate(places.machines, start=1))


def _start(*, of_rows: bool) -> Definition:
    name = jsonata("'request-' & $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 40)")
    made: Definition = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{'.sync:2' if of_rows else ''}",
        "Arguments": {"StateMachineArn": jsonata("$request.arn"), "Input": jsonata(_RUN_INPUT), "Name": name},
    }
    if not of_rows:
        given = "{'action': 'start', 'dag_id': $request.dag_id, 'execution_arn': $states.result.ExecutionArn}"
        return {**made, "Output": jsonata(given), "End": True}
    failed = "$parse($states.errorOutput.Cause)"
    caught = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {
            "status": "failed",
            "detail": jsonata(
                "$contains($states.errorOutput.Cause, /^\\{/) ? $string("
                + failed
                + ".Cause) : $states.errorOutput.Cause"
            ),
            "execution": jsonata(
                "$contains($states.errorOutput.Cause, /^\\{/) ? $string(" + failed + ".ExecutionArn) : ''"
            ),
        },
        "Next": "Write outcome",
    }
    assign = {"status": "success", "detail": "", "execution": jsonata("$states.result.ExecutionArn")}
    return {**made, "Assign": assign, "Catch": [caught], "Next": "Write outcome"}


def _command(*, of_rows: bool) -> Definition:
    made: Definition = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::batch:submitJob{'.sync' if of_rows else ''}",
        "Arguments": {
            "JobName": jsonata("'ductwork-' & $request.action"),
            "JobQueue": "${JobQueue}",
            "JobDefinition": "${JobDefinition}",
            "ContainerOverrides": {
                "Command": jsonata(_COMMAND),
                "Environment": [{"Name": "AWS_DEFAULT_REGION", "Value": "${Region}"}],
            },
        },
    }
    if not of_rows:
        asked = ", ".join(f"'{name}': $request.{name}" for name in ("action", "dag_id", "run_id"))
        return {**made, "Output": jsonata(f"{{{asked}, 'job_id': $states.result.JobId}}"), "End": True}
    words = "{" + ", ".join(f"'{action}': '{word}'" for action, word in _WORDS.items()) + "}"
    done = {"status": jsonata(f"$lookup({words}, $request.action)"), "detail": "", "execution": ""}
    failed = {"status": "failed", "detail": jsonata("$states.errorOutput.Cause"), "execution": ""}
    caught = {"ErrorEquals": ["States.ALL"], "Assign": failed, "Next": "Write outcome"}
    return {**made, "Assign": done, "Catch": [caught], "Next": "Write outcome"}


def _answers() -> Definition:
    return {"Refuse": {"Type": "Fail", "Error": REFUSED, "Cause": jsonata("$request.why")}}


def _row_states() -> Definition:
    """A row is taken by the first delivery; what becomes of it is written once more at the end."""

    def update(expression: str, values: Mapping[str, str], **more: object) -> Definition:
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": {
                "TableName": "${Requests}",
                "Key": {"id": {"S": jsonata(_ROW)}},
                "UpdateExpression": expression,
                "ExpressionAttributeNames": {
                    "#status": "status",
                    **({"#error": "error"} if "#error" in expression else {}),
                },
                "ExpressionAttributeValues": {name: {"S": jsonata(code)} for name, code in values.items()},
                **more,
            },
        }

    conditional = {
        "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]
    }
    own = "$states.context.Execution.Id"
    taken = update(
        "SET #status = :running, request_arn = :own, taken_at = :now",
        {":running": "'running'", ":own": own, ":now": "$states.context.State.EnteredTime"},
        ConditionExpression="attribute_not_exists(#status) OR request_arn = :own",
    )
    outcome = update(
        "SET #status = :status, execution_arn = :execution, #error = :error, ended_at = :now",
        {
            ":status": "$status",
            ":execution": "$execution",
            ":error": "$substring($detail, 0, 4000)",
            ":now": "$states.context.State.EnteredTime",
        },
    )
    return {
        "Take row": {
            **taken,
            "Retry": [{**conditional, "MaxAttempts": 0}, _TRANSIENT],
            "Catch": [{**conditional, "Next": "Taken already"}],
            "Next": "Is it legal?",
        },
        "Taken already": {"Type": "Succeed"},
        "Refuse": {
            "Type": "Pass",
            "Assign": {"status": "refused", "detail": jsonata("$request.why"), "execution": ""},
            "Next": "Write outcome",
        },
        "Write outcome": {**outcome, "Retry": [_TRANSIENT], "End": True},
    }


def resources(places: Places, name: str, *, of_rows: bool, table_arn: Value = "", table: Value = "") -> Resources:
    """The machine as the logical id ``name``, and its role.

    :param table: of requests, with ``of_rows``; likewise ``table_arn``
    """
    machines = tuple(places.machines.values())
    statements = [
        Statement("StartRuns", ("states:StartExecution",), machines),
        Statement("SubmitJobs", ("batch:SubmitJob",), (places.job_queue, places.job_definition)),
    ]
    if of_rows:
        rules = [f"rule/StepFunctionsGetEventsFor{what}Rule" for what in ("BatchJobs", "StepFunctionsExecution")]
        managed = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
        statements += [
            Statement("Requests", ("dynamodb:UpdateItem",), (table_arn,)),
            Statement("HearOfEnds", managed, tuple(arn("events", rule) for rule in rules)),
            Statement("FollowRuns", ("states:DescribeExecution", "states:StopExecution"), places.executions()),
            everywhere("LookAtJobs", ["batch:DescribeJobs"], DESCRIBE_WHY),
            Statement("EndJobs", ("batch:TerminateJob",), (arn("batch", "job/*"),)),
        ]
    filled = {f"Machine{number}": each for number, each in enumerate(machines, start=1)} | {
        "Ledger": places.ledger,
        "JobQueue": places.job_queue,
        "JobDefinition": places.job_definition,
        "Region": ref("AWS::Region"),
        **({"Requests": table} if of_rows else {}),
    }
    return machine(name, definition(places, of_rows=of_rows), filled, statements, express=not of_rows)
