"""What goes on for a while: executions of Step Functions, runs of Glue jobs."""

from __future__ import annotations

import json
from datetime import timedelta

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.step_function import StepFunctionStartExecutionOperator
from airflow.sdk import DAG, task

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:{}"
ROLE = "arn:aws:iam::123456789012:role/calls"


@task
def account():
    import boto3

    well = {
        "StartAt": "Wait",
        "States": {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "End"}, "End": {"Type": "Succeed"}},
    }
    badly = {"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": "Sad", "Cause": "It rains"}}}
    for name, definition in {"well": well, "badly": badly}.items():
        boto3.client("stepfunctions").create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    boto3.client("glue").create_job(
        Name="load", Role=ROLE, Command={"Name": "glueetl"}, ExecutionProperty={"MaxConcurrentRuns": 9}
    )


@task
def named(arn):
    return arn.rpartition(":")[0]


@task
def link(ti=None):
    found = ti.xcom_pull(task_ids="well", key="_state_machine_executions_details")
    return {name: value.rpartition(":")[0] or value for name, value in found.items()}


@task
def machine_link(ti=None):
    return ti.xcom_pull(task_ids="well", key="_state_machine_details")


@task
def run_link(ti=None):
    run = ti.xcom_pull(task_ids="load")
    links = [ti.xcom_pull(task_ids="load", key=key) for key in ("glue_job_run_id", "glue_job_run_details")]
    return json.loads(json.dumps(links).replace(run, "RUN"))


with DAG("jobs"):
    made = account()
    well = StepFunctionStartExecutionOperator(
        task_id="well", state_machine_arn=ARN.format("well"), state_machine_input={"day": "{{ ds }}"}
    )
    once = StepFunctionStartExecutionOperator(
        task_id="once", state_machine_arn=ARN.format("badly"), name="n-{{ ds }}", state_machine_input="{}"
    )
    gone = StepFunctionStartExecutionOperator(
        task_id="gone", state_machine_arn=ARN.format("gone"), retries=1, retry_delay=timedelta(seconds=1)
    )
    no_job = GlueJobOperator(task_id="no_job", job_name="gone")
    load = GlueJobOperator(task_id="load", job_name="load", script_args={"--day": "{{ ds }}"}, job_poll_interval=1)
    started = GlueJobOperator(task_id="started", job_name="load", wait_for_completion=False)
    made >> [well, once, gone, load, started]
    named.override(task_id="named_well")(well.output)
    named.override(task_id="named_once")(once.output)
    well >> [link(), machine_link()]
    load >> run_link()
