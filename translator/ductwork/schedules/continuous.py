"""``@continuous``: the next run begins when the one before has ended, whichever way; one goes on at a time.

Step Functions tells of each run's end, and a clock looks each minute: it starts the first run, at the start date or as
soon as the stack is there, and finds what no event told. A run's data interval goes from the end of the one before,
of the first from the start date, to now.

What is told may be told twice, or late. Executions are listed with a delay, so what counts is the last run that this
machine has started: the event is about its end, or Step Functions describes it as ended (``Last run``).
"""

from __future__ import annotations

from ductwork import ir
from ductwork.contracts.aws_schedules import MACHINE_PLACE, EventRule, Starter
from ductwork.contracts.json_types import JsonObject
from ductwork.schedules import run_queue

_UNKNOWN = ["Sfn.ExecutionDoesNotExistException", "Sfn.ExecutionDoesNotExist"]
# Airflow has one run of such a DAG at a time, and refuses a DAG that asks for more.
_AT_A_TIME = 1
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html: the shortest.
_LOOK = "rate(1 minute)"

# Times are compared as text, so all have one form.
_QUEUE = """{% (
  $item := $states.result.Item;
  $now := $now();
  $before := $item.run_after.S ? $item.run_after.S : '@EARLIEST@' != '' ? '@EARLIEST@' : $now;
  $name := $item.last_execution.S;
  $run := {
    'run_id': 'scheduled__' & @NOW@,
    'run_type': 'scheduled',
    'logical_date': $before,
    'data_interval_start': $before,
    'data_interval_end': $now
  };
  {
    'holds': $now >= $before and ('@LATEST@' = '' or $now <= '@LATEST@'),
    'execution': $name ? $replace('@MACHINE@', ':stateMachine:', ':execution:') & ':' & $name : '',
    'counted': $item.counted.N ? $item.counted.N : '0',
    'due': $item.due_run.S ? $item.due_run.S : '',
    'last': $now,
    'run': $string($run)
  }
) %}"""


def of_workflow(workflow: ir.Workflow, earliest: str, latest: str) -> Starter:
    """What starts run after run.

    :param earliest: ISO 8601 in UTC with milliseconds and ``Z``: no run begins before it; empty for no bound
    :param latest: the same of the last moment at which a run begins
    """
    rules = (
        EventRule("", run_queue.ENDS, "default", "a run has ended"),
        EventRule("", {}, "default", "the first run, and what no event told", _LOOK),
    )
    return Starter(_definition(workflow, earliest, latest), rules, "the end of the run before")


def _definition(workflow: ir.Workflow, earliest: str, latest: str) -> JsonObject:
    known = {
        "@NOW@": run_queue.as_airflow_writes("$now"),
        "@EARLIEST@": earliest,
        "@LATEST@": latest,
        "@MACHINE@": MACHINE_PLACE,
    }
    event = {"ended": "{% $exists($states.input.detail.executionArn) ? $states.input.detail.executionArn : '' %}"}
    to_be_asked = "$queue.holds and $queue.execution != '' and $queue.execution != $event.ended"
    ask = {"Condition": f"{{% {to_be_asked} %}}", "Next": "Last run"}
    forget = "SET last_execution = :execution REMOVE due_run"
    states: dict[str, object] = {
        "Read event": {"Type": "Pass", "Assign": {"event": event}, "Next": "Read queue"},
        **run_queue.deciding(workflow, run_queue.filled(_QUEUE, known), "$queue.holds", _AT_A_TIME, before=ask),
        "Last run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
            "Arguments": {"ExecutionArn": "{% $queue.execution %}"},
            "Assign": {"has_ended": "{% $states.result.Status != 'RUNNING' %}"},
            "Retry": [{"ErrorEquals": _UNKNOWN, "MaxAttempts": 0}, run_queue.TRANSIENT],
            # It has just been started, and Step Functions does not know it yet.
            "Catch": [{"ErrorEquals": _UNKNOWN, "Next": "Done"}],
            "Next": "Has it ended?",
        },
        "Has it ended?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $has_ended %}", "Next": "Runs going on"}],
            "Default": "Done",
        },
        **run_queue.starting(
            workflow,
            "SET run_after = :last, due_run = :run",
            forget,
            {":execution": {"S": f"{{% {run_queue.NAME} %}}"}},
        ),
        "Done": {"Type": "Succeed"},
    }
    return {
        "Comment": f"Starts the next run of {workflow.dag_id} when one has ended",
        "QueryLanguage": "JSONata",
        "StartAt": "Read event",
        "States": states,
    }
