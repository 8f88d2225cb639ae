"""Jobs of AWS Batch in the order of their dependencies, imported from a schedule document."""

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG

TOPIC = "arn:aws:sns:eu-west-1:123456789012:schedules"

with DAG(
    dag_id="daily-edw-load",
    description='Morning load and "ETL" for big data',
    schedule=None,
    default_args={
        "job_queue": "arn:aws:batch:eu-west-1:123456789012:job-queue/etl",
        "poll_interval": 60,
    },
    on_success_callback=SnsNotifier(
        target_arn=TOPIC,
        message="daily-edw-load succeeded: {{ run_id }}",
    ),
    on_failure_callback=SnsNotifier(
        target_arn=TOPIC,
        message="daily-edw-load failed: {{ run_id }}",
    ),
    tags=["big-data-schedules"],
) as dag:
    ftp = BatchOperator(
        task_id="FTP",
        job_name="FTP",
        job_definition="arn:aws:batch:eu-west-1:123456789012:job-definition/fetch-and-run:3",
        container_overrides={
            "command": ["ftp-get-file.sh", "60"],
            "environment": [
                {"name": "BATCH_FILE_TYPE", "value": "script"},
                {"name": "BATCH_FILE_S3_URL", "value": "s3://scripts/ftp-get-file.sh"},
            ],
        },
    )
    cleanse = BatchOperator(
        task_id="Cleanse",
        job_name="Cleanse",
        job_definition="arn:aws:batch:eu-west-1:123456789012:job-definition/fetch-and-run:3",
        container_overrides={
            "command": ["sh", "-c", "{{ \"echo '{{ not a template }}'\\n\" }}"],
            "vcpus": 2,
            "memory": 1024,
        },
    )
    convert_parquet = BatchOperator(
        task_id="ConvertParquet",
        job_name="ConvertParquet",
        job_definition="arn:aws:batch:eu-west-1:123456789012:job-definition/fetch-and-run:3",
        parameters={"format": "parquet"},
    )
    aggregate = BatchOperator(
        task_id="Aggregate",
        job_name="Aggregate",
        job_definition="arn:aws:batch:eu-west-1:123456789012:job-definition/fetch-and-run:3",
    )
    load_redshift = BatchOperator(
        task_id="LoadRedshift",
        job_name="LoadRedshift",
        job_definition="load-redshift",
    )

    ftp >> [cleanse, convert_parquet]
    [ftp, cleanse] >> aggregate
    [cleanse, convert_parquet, aggregate] >> load_redshift
