#!/usr/bin/env bash
# cfn-lint 1.58.0 on cron(0 1 * * * *), which AWS refuses (one of the day fields must be "?").
# Expected: refused in AWS::Scheduler::Schedule as in AWS::Events::Rule.
# Seen: only the rule's expression is read (E3027). The schedule's may be anything, rate(10 seconds) and a zone on Mars included.
source "$(dirname "$0")/common.sh"
python_with cfn-lint==1.58.0
cat > template.yaml <<'YAML'
Resources:
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      FlexibleTimeWindow: {Mode: "OFF"}
      ScheduleExpression: cron(0 1 * * * *)
      ScheduleExpressionTimezone: Mars/Olympus
      Target: {Arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", RoleArn: "arn:aws:iam::123456789012:role/r"}
  Often:
    Type: AWS::Scheduler::Schedule
    Properties:
      FlexibleTimeWindow: {Mode: "OFF"}
      ScheduleExpression: rate(10 seconds)
      Target: {Arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", RoleArn: "arn:aws:iam::123456789012:role/r"}
  Old:
    Type: AWS::Events::Rule
    Properties: {ScheduleExpression: "cron(0 1 * * * *)"}
YAML
env/bin/cfn-lint --format parseable template.yaml >seen.txt || true
cat seen.txt
[ "$(wc -l <seen.txt)" = 1 ]
grep -q "E3027" seen.txt
