#!/usr/bin/env bash
# moto 5.2.5, EventBridge Scheduler: expressions that AWS refuses with a ValidationException.
# Expected: moto refuses at least what is no expression at all.
# Seen: CreateSchedule takes every text, every time zone, and an Input for Step Functions that is not JSON.
source "$(dirname "$0")/common.sh"
python_with 'moto[scheduler]==5.2.5'
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1
env/bin/python - <<'PY'
import boto3
from moto import mock_aws

REFUSED_BY_AWS = ["cron(0 1 * * * *)", "cron(71 * * * ? *)", "rate(10 seconds)", "rate(1 year)", "at(2021-12-31)", "nightly"]
target = {"Arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "RoleArn": "arn:aws:iam::123456789012:role/r"}
with mock_aws():
    client = boto3.client("scheduler")
    for number, expression in enumerate(REFUSED_BY_AWS):
        client.create_schedule(
            Name=f"s{number}",
            ScheduleExpression=expression,
            ScheduleExpressionTimezone="Mars/Olympus",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**target, "Input": "{"},
        )
    taken = client.list_schedules()["Schedules"]
print(len(taken), "of", len(REFUSED_BY_AWS), "taken")
assert len(taken) == len(REFUSED_BY_AWS)
PY
