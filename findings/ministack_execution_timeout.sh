#!/usr/bin/env bash
# ministack 1.5.33, Step Functions: TimeoutSeconds of a whole machine.
# Expected: the execution ends as TIMED_OUT after that time.
# Seen: it goes on to its end and succeeds; the history has no event of a branch, an iteration or a retry either.
source "$(dirname "$0")/ministack_machines.sh"
env/bin/python - <<'PY'
from machines import client, ended, started

late = ended(started("late", {"First": {"Type": "Wait", "Seconds": 3, "End": True}}, TimeoutSeconds=1))
print(late["status"], "after", round((late["stopDate"] - late["startDate"]).total_seconds()), "s of 1 s")
fails = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "E"}}}
retried = {
    "First": {
        "Type": "Parallel",
        "Branches": [fails],
        "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1, "IntervalSeconds": 1}],
        "Catch": [{"ErrorEquals": ["E"], "Next": "Last"}],
        "Next": "Last",
    },
    "Last": {"Type": "Pass", "End": True},
}
execution = started("retried", retried)
ended(execution)
types = [event["type"] for event in client.get_execution_history(executionArn=execution)["events"]]
print(*types)
assert late["status"] == "SUCCEEDED"
assert not {"FailStateEntered", "ParallelStateStarted", "ParallelStateFailed"} & set(types)
PY
