"""Operators whose calls of AWS go on for a while, or are about objects: the machine calls, and looks for the end."""

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.ec2 import (
    EC2RebootInstanceOperator,
    EC2StartInstanceOperator,
    EC2StopInstanceOperator,
    EC2TerminateInstanceOperator,
)
from airflow.providers.amazon.aws.operators.s3 import S3DeleteObjectsOperator
from airflow.sdk import DAG

INSTANCE = "i-0123456789abcdef0"

with DAG("aws_jobs", schedule="@daily", start_date=datetime(2026, 1, 1)):
    count = AthenaOperator(
        task_id="count",
        query="SELECT count(*) FROM days WHERE day = '{{ ds }}'",
        database="sales",
        output_location="s3://results/{{ ds }}/",
        max_polling_attempts=20,
        retries=1,
    )
    killed = AthenaOperator(task_id="killed", query="SELECT 1", execution_timeout=timedelta(hours=1))
    start = EC2StartInstanceOperator(task_id="start", instance_id=INSTANCE)
    stop = EC2StopInstanceOperator(task_id="stop", instance_id=INSTANCE, check_interval=30)
    reboot = EC2RebootInstanceOperator(task_id="reboot", instance_ids=[INSTANCE])
    gone = EC2TerminateInstanceOperator(task_id="gone", instance_ids=INSTANCE)
    waits = EC2TerminateInstanceOperator(task_id="waits", instance_ids=INSTANCE, wait_for_completion=True)
    clean = S3DeleteObjectsOperator(task_id="clean", bucket="raw", keys=["{{ ds }}.csv", "latest.csv"])
    scan = S3DeleteObjectsOperator(task_id="scan", bucket="raw", prefix="old/")
    start >> count >> stop >> gone
    [clean, scan] >> reboot >> [killed, waits]
