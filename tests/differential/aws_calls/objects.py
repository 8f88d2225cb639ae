"""Objects of S3 and queries of Athena."""

from __future__ import annotations

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.s3 import S3DeleteObjectsOperator
from airflow.sdk import DAG, task


@task
def account():
    """Makes what the others use, once for each AWS."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="calls")
    for key in ("2026-01-02", "kept"):
        client.put_object(Bucket="calls", Key=key, Body=key.encode())


@task(trigger_rule="all_done")
def objects():
    """What is there, by key."""
    import boto3

    client = boto3.client("s3")
    keys = [each["Key"] for each in client.list_objects_v2(Bucket="calls")["Contents"]]
    return {key: client.get_object(Bucket="calls", Key=key)["Body"].read().decode() for key in sorted(keys)}


with DAG("objects", default_args={"retries": 0}):
    no_bucket = S3DeleteObjectsOperator(task_id="no_bucket", bucket="gone", keys=["k"])
    delete = S3DeleteObjectsOperator(task_id="delete", bucket="calls", keys=["{{ ds }}", "not there"])
    query = AthenaOperator(
        task_id="query", query="SELECT '{{ ds }}'", database="d", output_location="s3://calls/results/", sleep_time=1
    )
    no_group = AthenaOperator(task_id="no_group", query="SELECT 1", workgroup="gone", sleep_time=1)
    account() >> [no_bucket, delete] >> objects()
