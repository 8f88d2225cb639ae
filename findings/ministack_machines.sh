# Sourced by findings about ministack: installs it, starts it on a free port, and gives Python a client and `ended`.
source "$(dirname "$0")/common.sh"
python_with ministack==1.5.33 boto3==1.43.106
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1
GATEWAY_PORT=$(env/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export GATEWAY_PORT
env/bin/ministack >ministack.log 2>&1 &
trap 'kill $!; rm -rf "$work"' EXIT

cat >machines.py <<'PY'
import json, os, time, urllib.error, urllib.request
import boto3

URL = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
for _ in range(120):
    try:
        urllib.request.urlopen(URL, timeout=5)
    except urllib.error.HTTPError:
        pass  # an answer, whatever it is
    except OSError:
        time.sleep(0.5)
        continue
    break
client = boto3.client("stepfunctions", endpoint_url=URL)


def started(name, states, given="{}", **settings):
    """The ARN of an execution of a machine that begins with the state First."""
    definition = {"QueryLanguage": "JSONata", "StartAt": "First", "States": states, **settings}
    role = "arn:aws:iam::123456789012:role/r"
    machine = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    return client.start_execution(stateMachineArn=machine["stateMachineArn"], name="once", input=given)["executionArn"]


def ended(execution):
    """What DescribeExecution says at the end."""
    while (seen := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.2)
    return seen
PY
