"""Sensors that do no more than look at AWS: the machine pokes, or, with what only Airflow knows, a worker does."""

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.sensors.batch import BatchComputeEnvironmentSensor, BatchJobQueueSensor
from airflow.providers.amazon.aws.sensors.cloud_formation import (
    CloudFormationCreateStackSensor,
    CloudFormationDeleteStackSensor,
)
from airflow.providers.amazon.aws.sensors.comprehend import ComprehendStartPiiEntitiesDetectionJobCompletedSensor
from airflow.providers.amazon.aws.sensors.dynamodb import DynamoDBValueSensor
from airflow.providers.amazon.aws.sensors.ec2 import EC2InstanceStateSensor
from airflow.providers.amazon.aws.sensors.eks import (
    EksClusterStateSensor,
    EksFargateProfileStateSensor,
    EksNodegroupStateSensor,
)
from airflow.providers.amazon.aws.sensors.emr import EmrServerlessApplicationSensor, EmrServerlessJobSensor
from airflow.providers.amazon.aws.sensors.glue import GlueJobSensor
from airflow.providers.amazon.aws.sensors.glue_catalog_partition import GlueCatalogPartitionSensor
from airflow.providers.amazon.aws.sensors.glue_crawler import GlueCrawlerSensor
from airflow.providers.amazon.aws.sensors.lambda_function import LambdaFunctionStateSensor
from airflow.providers.amazon.aws.sensors.opensearch_serverless import OpenSearchServerlessCollectionActiveSensor
from airflow.providers.amazon.aws.sensors.rds import (
    RdsDbSensor,
    RdsExportTaskExistenceSensor,
    RdsSnapshotExistenceSensor,
)
from airflow.providers.amazon.aws.sensors.redshift_cluster import RedshiftClusterSensor
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.sensors.sagemaker import (
    SageMakerAutoMLSensor,
    SageMakerEndpointSensor,
    SageMakerPipelineSensor,
    SageMakerProcessingSensor,
    SageMakerTrainingSensor,
    SageMakerTransformSensor,
    SageMakerTuningSensor,
)
from airflow.providers.amazon.aws.sensors.step_function import StepFunctionExecutionSensor
from airflow.sdk import DAG

ACCOUNT = "123456789012"
PLACE = f"eu-west-1:{ACCOUNT}"

with DAG("aws_sensors", schedule="@daily", start_date=datetime(2026, 1, 1), default_args={"timeout": 3600}):
    landed = S3KeySensor(
        task_id="landed",
        bucket_key=["s3://landing/{{ ds }}/orders.csv", "s3://landing/{{ ds }}/customers.csv"],
        poke_interval=300,
        timeout=timedelta(hours=6),
        soft_fail=True,
        mode="reschedule",
    )
    ready = DynamoDBValueSensor(
        task_id="ready",
        table_name="loads",
        partition_key_name="day",
        partition_key_value="{{ ds }}",
        attribute_name="state",
        attribute_value=["loaded", "checked"],
        exponential_backoff=True,
        max_wait=timedelta(minutes=10),
        retries=2,
        timeout=7 * 86_400,
    )
    job = GlueJobSensor(task_id="job", job_name="load", run_id="jr_1")
    crawled = GlueCrawlerSensor(task_id="crawled", crawler_name="orders", silent_fail=True)
    partition = GlueCatalogPartitionSensor(task_id="partition", table_name="orders", database_name="sales")
    flow = StepFunctionExecutionSensor(
        task_id="flow", execution_arn=f"arn:aws:states:{PLACE}:execution:flow:{{{{ ds }}}}", never_fail=True
    )
    database = RdsDbSensor(task_id="database", db_identifier="sales")
    snapshot = RdsSnapshotExistenceSensor(task_id="snapshot", db_type="cluster", db_snapshot_identifier="{{ ds }}")
    databases = RdsDbSensor(task_id="databases", db_identifier="sales", db_type="cluster")
    copied = RdsSnapshotExistenceSensor(task_id="copied", db_type="instance", db_snapshot_identifier="s")
    exported = RdsExportTaskExistenceSensor(task_id="exported", export_task_identifier="e")
    instance = EC2InstanceStateSensor(
        task_id="instance", target_state="running", instance_id="i-1", execution_timeout=timedelta(minutes=5)
    )
    warehouse = RedshiftClusterSensor(task_id="warehouse", cluster_identifier="dw")
    function = LambdaFunctionStateSensor(task_id="function", function_name="score")
    environment = BatchComputeEnvironmentSensor(task_id="environment", compute_environment="spot")
    queue = BatchJobQueueSensor(task_id="queue", job_queue="q", treat_non_existing_as_deleted=True)
    made = CloudFormationCreateStackSensor(task_id="made", stack_name="s-{{ ds_nodash }}")
    gone = CloudFormationDeleteStackSensor(task_id="gone", stack_name="old")
    spark = EmrServerlessJobSensor(task_id="spark", application_id="a", job_run_id="r")
    application = EmrServerlessApplicationSensor(task_id="application", application_id="a")
    collection = OpenSearchServerlessCollectionActiveSensor(task_id="collection", collection_name="orders")
    found = ComprehendStartPiiEntitiesDetectionJobCompletedSensor(task_id="found", job_id="0")
    cluster = EksClusterStateSensor(task_id="cluster", cluster_name="k")
    nodes = EksNodegroupStateSensor(task_id="nodes", cluster_name="k", nodegroup_name="n", target_state="NONEXISTENT")
    profile = EksFargateProfileStateSensor(task_id="profile", cluster_name="k", fargate_profile_name="p")
    learnt = [
        SageMakerEndpointSensor(task_id="endpoint", endpoint_name="e"),
        SageMakerTransformSensor(task_id="transformed", job_name="j"),
        SageMakerTuningSensor(task_id="tuned", job_name="j"),
        SageMakerTrainingSensor(task_id="trained", job_name="j", print_log=False),
        SageMakerPipelineSensor(
            task_id="piped",
            pipeline_exec_arn=f"arn:aws:sagemaker:{PLACE}:pipeline/p/execution/e",
            verbose=False,
        ),
        SageMakerAutoMLSensor(task_id="automl", job_name="j"),
        SageMakerProcessingSensor(task_id="processed", job_name="j"),
    ]
    any_key = S3KeySensor(task_id="any_key", bucket_key="s3://landing/*.csv", wildcard_match=True)
    deferred = S3KeySensor(task_id="deferred", bucket_key="s3://landing/done", deferrable=True)
    (
        landed
        >> ready
        >> [job, crawled, partition]
        >> flow
        >> [database, databases, snapshot, copied, exported, instance, warehouse]
    )
    warehouse >> [function, environment, queue, made, gone] >> spark >> [application, collection, found]
    found >> [cluster, nodes, profile] >> any_key >> learnt
    learnt >> deferred
