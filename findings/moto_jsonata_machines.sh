#!/usr/bin/env bash
# moto 5.2.5, Step Functions with execute_state_machine: machines in JSONata, with jsonata-python 0.7.1 installed.
# Expected: expressions are evaluated, or the machine is refused when it is made.
# Seen: CreateStateMachine takes it, and the first expression ends the execution as States.Runtime with a TypeError of Python.
# A machine in JSONata without an expression runs. No extra of moto brings an evaluator.
source "$(dirname "$0")/common.sh"
python_with 'moto[stepfunctions]==5.2.5' jsonata-python==0.7.1
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1
env/bin/python - 2>engine.log <<'PY'
import json, time
import boto3
from moto import mock_aws

seen = {}
with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    client = boto3.client("stepfunctions")
    for name, output in (("text", "one"), ("expression", "{% 1 + 1 %}")):
        states = {"Only": {"Type": "Pass", "Output": output, "End": True}}
        definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Only", "States": states})
        role = "arn:aws:iam::123456789012:role/r"
        machine = client.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=machine, name="once")["executionArn"]
        while (run := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.1)
        seen[name] = run["status"], run.get("error"), run.get("cause")
print(seen)
assert seen["text"][0] == "SUCCEEDED"
assert seen["expression"][:2] == ("FAILED", "States.Runtime") and "TypeError" in seen["expression"][2]
PY
