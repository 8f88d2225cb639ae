"""Sensors of what is there, of what comes later, of what never comes, and of what fails."""

from __future__ import annotations

import json
from datetime import timedelta

from airflow.providers.amazon.aws.sensors.cloud_formation import (
    CloudFormationCreateStackSensor,
    CloudFormationDeleteStackSensor,
)
from airflow.providers.amazon.aws.sensors.dynamodb import DynamoDBValueSensor
from airflow.providers.amazon.aws.sensors.ec2 import EC2InstanceStateSensor
from airflow.providers.amazon.aws.sensors.eks import EksClusterStateSensor
from airflow.providers.amazon.aws.sensors.glue import GlueJobSensor
from airflow.providers.amazon.aws.sensors.glue_catalog_partition import GlueCatalogPartitionSensor
from airflow.providers.amazon.aws.sensors.glue_crawler import GlueCrawlerSensor
from airflow.providers.amazon.aws.sensors.lambda_function import LambdaFunctionStateSensor
from airflow.providers.amazon.aws.sensors.rds import RdsDbSensor, RdsSnapshotExistenceSensor
from airflow.providers.amazon.aws.sensors.redshift_cluster import RedshiftClusterSensor
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.sensors.step_function import StepFunctionExecutionSensor
from airflow.sdk import DAG, task

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:{}:sensed"
ROLE = "arn:aws:iam::123456789012:role/calls"
LATE = {"poke_interval": 1, "timeout": 2}


@task
def account():
    import boto3

    boto3.client("s3").create_bucket(Bucket="landing")
    boto3.client("s3").put_object(Bucket="landing", Key="a/done", Body=b"1")
    tables = boto3.client("dynamodb")
    tables.create_table(
        TableName="loads",
        KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "day", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"day": {"S": "today"}, "state": {"S": "loaded"}, "rows": {"N": "5"}}
    tables.put_item(TableName="loads", Item=item)
    well = {"StartAt": "End", "States": {"End": {"Type": "Pass", "Result": {"rows": [1, 2.5, "ü"]}, "End": True}}}
    badly = {"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": "Sad", "Cause": "It rains"}}}
    machines = boto3.client("stepfunctions")
    for name, definition in {"sensed": well, "unwell": badly}.items():
        made = machines.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        machines.start_execution(stateMachineArn=made["stateMachineArn"], name="sensed")
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "sales"})
    glue.create_table(DatabaseName="sales", TableInput={"Name": "orders", "PartitionKeys": [{"Name": "ds"}]})
    glue.create_partition(DatabaseName="sales", TableName="orders", PartitionInput={"Values": ["2026"]})
    glue.create_crawler(Name="idle", Role=ROLE, DatabaseName="sales", Targets={"S3Targets": [{"Path": "s3://landing"}]})
    boto3.client("redshift").create_cluster(
        ClusterIdentifier="dw", NodeType="ra3.large", MasterUsername="root", MasterUserPassword="Secret123"
    )
    boto3.client("cloudformation").create_stack(
        StackName="made",
        TemplateBody=json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}),
    )


@task
def later():
    """Puts what some sensors wait for once they do."""
    import time

    import boto3

    time.sleep(3)
    boto3.client("s3").put_object(Bucket="landing", Key="b/done", Body=b"1")
    boto3.client("rds").create_db_instance(DBInstanceIdentifier="sales", DBInstanceClass="db.t3.micro", Engine="mysql")


@task
def reads(value):
    return [value, type(value).__name__]


@task(trigger_rule="none_failed")
def goes_on():
    return "on"


with DAG("sensors"):
    made = account()
    here = S3KeySensor(task_id="here", bucket_key="s3://landing/a/done")
    both = S3KeySensor(
        task_id="both", bucket_name="landing", bucket_key=["a/done", "b/done"], poke_interval=1, mode="reschedule"
    )
    no_key = S3KeySensor(task_id="no_key", bucket_key="s3://landing/{{ ds }}", **LATE, retries=1)
    bucketless = S3KeySensor(task_id="bucketless", bucket_key="s3://nowhere/a", soft_fail=True, **LATE)
    at_once = S3KeySensor(task_id="at_once", bucket_key="s3://landing/none", timeout=0)
    told = DynamoDBValueSensor(
        task_id="told",
        table_name="loads",
        partition_key_name="day",
        partition_key_value="today",
        attribute_name="state",
        attribute_value=["{{ 'loaded' }}", "other"],
    )
    number = DynamoDBValueSensor(
        task_id="number",
        table_name="loads",
        partition_key_name="day",
        partition_key_value="today",
        attribute_name="rows",
        attribute_value="5",
        exponential_backoff=True,
        max_wait=1,
        **LATE,
    )
    no_table = DynamoDBValueSensor(
        task_id="no_table",
        table_name="gone",
        partition_key_name="day",
        partition_key_value="today",
        attribute_name="rows",
        attribute_value="5",
        soft_fail=True,
        **LATE,
    )
    ran = StepFunctionExecutionSensor(task_id="ran", execution_arn=EXECUTION.format("sensed"), do_xcom_push=False)
    failed = StepFunctionExecutionSensor(
        task_id="failed",
        execution_arn=EXECUTION.format("unwell"),
        retries=1,
        retry_delay=timedelta(seconds=1),
        poke_interval=1,
    )
    no_run = StepFunctionExecutionSensor(task_id="no_run", execution_arn=EXECUTION.format("none"), poke_interval=1)
    passed_over = StepFunctionExecutionSensor(
        task_id="passed_over", execution_arn=EXECUTION.format("none"), never_fail=True
    )
    silent = StepFunctionExecutionSensor(
        task_id="silent", execution_arn=EXECUTION.format("none"), silent_fail=True, **LATE
    )
    hurried = S3KeySensor(
        task_id="hurried", bucket_key="s3://landing/none", poke_interval=1, execution_timeout=timedelta(seconds=2)
    )
    partition = GlueCatalogPartitionSensor(task_id="partition", table_name="sales.orders", expression="")
    no_partition = GlueCatalogPartitionSensor(
        task_id="no_partition", database_name="sales", table_name="none", expression="", **LATE
    )
    uncrawled = GlueCrawlerSensor(task_id="uncrawled", crawler_name="gone")
    crawled = GlueCrawlerSensor(task_id="crawled", crawler_name="idle")
    jobless = GlueJobSensor(task_id="jobless", job_name="gone", run_id="jr_0")
    database = RdsDbSensor(task_id="database", db_identifier="sales", poke_interval=1)
    no_snapshot = RdsSnapshotExistenceSensor(
        task_id="no_snapshot", db_type="instance", db_snapshot_identifier="s", soft_fail=True, **LATE
    )
    warehouse = RedshiftClusterSensor(task_id="warehouse", cluster_identifier="dw", poke_interval=1)
    no_warehouse = RedshiftClusterSensor(
        task_id="no_warehouse", cluster_identifier="none", target_status="cluster_not_found"
    )
    no_instance = EC2InstanceStateSensor(
        task_id="no_instance", instance_id="i-0123456789abcdef0", target_state="running"
    )
    no_function = LambdaFunctionStateSensor(task_id="no_function", function_name="gone")
    no_cluster = EksClusterStateSensor(task_id="no_cluster", cluster_name="gone")
    no_more = EksClusterStateSensor(task_id="no_more", cluster_name="gone", target_state="NONEXISTENT")
    stack = CloudFormationCreateStackSensor(task_id="stack", stack_name="made", poke_interval=1)
    bad_stack = CloudFormationDeleteStackSensor(task_id="bad_stack", stack_name="made")
    no_stack = CloudFormationDeleteStackSensor(task_id="no_stack", stack_name="gone")
    made >> [here, no_key, bucketless, at_once, told, number, no_table, ran, failed, no_run, passed_over, silent]
    made >> [hurried, partition, no_partition, uncrawled, crawled, jobless, no_snapshot, warehouse, no_warehouse]
    made >> [no_instance, no_function, no_cluster, no_more, stack, no_stack]
    stack >> bad_stack
    made >> later()
    made >> [both, database]
    passed_over >> goes_on()
    reads("{{ ti.xcom_pull(task_ids='ran', key='output') | tojson }}").set_upstream(ran)
