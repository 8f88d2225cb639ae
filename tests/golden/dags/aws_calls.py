"""Operators that do no more than call AWS: the machine calls, or, with what only Airflow knows, a worker does."""

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.operators.eventbridge import (
    EventBridgeDisableRuleOperator,
    EventBridgeEnableRuleOperator,
    EventBridgePutEventsOperator,
)
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.operators.sqs import SqsPublishOperator
from airflow.providers.amazon.aws.operators.step_function import StepFunctionStartExecutionOperator
from airflow.sdk import DAG

ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:reports"
FLOW = f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:flow"

with DAG("aws_calls", schedule="@daily", start_date=datetime(2026, 1, 1)):
    score = LambdaInvokeFunctionOperator(
        task_id="score",
        function_name="score",
        payload='{"day": "{{ ds }}"}',
        retries=2,
        retry_delay=timedelta(minutes=1),
    )
    load = GlueJobOperator(
        task_id="load",
        job_name="load",
        script_args={"--day": "{{ ds }}"},
        execution_timeout=timedelta(hours=2),
    )
    flow = StepFunctionStartExecutionOperator(
        task_id="flow", state_machine_arn=FLOW, state_machine_input={"day": "{{ ds }}"}, deferrable=True, retries=1
    )
    started = StepFunctionStartExecutionOperator(
        task_id="started", state_machine_arn=FLOW, name="n-{{ ds }}", do_xcom_push=False
    )
    queue = SqsPublishOperator(
        task_id="queue", sqs_queue=f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/days", message_content="{{ ds }}"
    )
    events = EventBridgePutEventsOperator(
        task_id="events",
        entries=[
            {"Source": "airflow", "DetailType": "loaded", "Detail": '{"day": "{{ ds }}"}', "EventBusName": "data"}
        ],
    )
    on = EventBridgeEnableRuleOperator(task_id="on", name="nightly")
    off = EventBridgeDisableRuleOperator(task_id="off", name="nightly", event_bus_name="data")
    tell = SnsPublishOperator(
        task_id="tell",
        target_arn=TOPIC,
        message='{{ ds }} is "loaded"',
        subject="loaded",
        message_attributes={"day": "{{ ds }}", "tries": 3, "tags": ["a", "b"]},
        trigger_rule="all_done",
    )
    elsewhere = SnsPublishOperator(task_id="elsewhere", target_arn=TOPIC, message="m", aws_conn_id="other")
    made = GlueJobOperator(task_id="made", job_name="made", script_location="s3://code/made.py", iam_role_name="glue")
    off >> GlueJobOperator(task_id="fired", job_name="fired", wait_for_completion=False)
    score >> load >> [flow, started, queue, events, on] >> tell
    off >> [elsewhere, made]
