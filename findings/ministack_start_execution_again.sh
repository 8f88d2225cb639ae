#!/usr/bin/env bash
# ministack 1.5.33, Step Functions: StartExecution again with the name and the input of an execution that runs.
# Expected, as AWS documents it: the same ARN, so that a caller whose answer was lost may ask again.
# Seen: ExecutionAlreadyExists, as for another input. And of a failed execution `output` is not empty: it holds the error.
source "$(dirname "$0")/ministack_machines.sh"
env/bin/python - <<'PY'
import json
from machines import client, ended, started

execution = started("waiting", {"First": {"Type": "Wait", "Seconds": 60, "End": True}})
machine = client.describe_execution(executionArn=execution)["stateMachineArn"]
try:
    answer = client.start_execution(stateMachineArn=machine, name="once", input="{}")["executionArn"]
except client.exceptions.ExecutionAlreadyExists as error:
    answer = error.response["Error"]["Code"]
print("started again:", answer)
failed = ended(started("failing", {"First": {"Type": "Fail", "Error": "Late", "Cause": "no file"}}))
print("failed, output:", failed["output"])
assert answer == "ExecutionAlreadyExists"
assert json.loads(failed["output"]) == {"Error": "Late", "Cause": "no file"}
PY
