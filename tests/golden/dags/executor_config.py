"""Deployment values in both spellings, an image, and another executor's values."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("executor_config", schedule=None, start_date=datetime(2026, 1, 1)):
    own = BashOperator(
        task_id="own",
        bash_command="true",
        executor_config={
            "ductwork": {
                "job_queue": "large",
                "job_definition": "worker:7",
                "vcpus": 2,
                "memory": 4096,
                "gpus": 1,
                "timeout": 3600,
                "share_identifier": "team1",
                "scheduling_priority": 5,
                "propagate_tags": True,
                "environment": {"LEVEL": "debug", "BRACES": "{% not an expression %}"},
                "tags": {"cost": "42"},
            }
        },
    )
    batch_executor = BashOperator(
        task_id="batch_executor",
        bash_command="true",
        execution_timeout=timedelta(minutes=2),
        executor_config={
            "jobQueue": "small",
            "containerOverrides": {
                "environment": [{"name": "LEVEL", "value": "info"}],
                "resourceRequirements": [{"type": "MEMORY", "value": "512"}, {"type": "VCPU", "value": "0.25"}],
            },
            "timeout": {"attemptDurationSeconds": 120},
            "tags": {"cost": "7"},
        },
    )
    image = BashOperator(
        task_id="image",
        bash_command="true",
        queue="large",
        executor_config={
            "ductwork": {
                "image": "registry.example/etl:1.2",
                "job_queue": "fargate",
                "platform": "fargate",
                "public_ip": True,
                "job_role": "arn:aws:iam::123456789012:role/job",
                "execution_role": "arn:aws:iam::123456789012:role/start",
                "secrets": {"TOKEN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"},
                "environment": {"TOKEN": "of the secret", "STAGE": ""},
                "memory": 5000,
            }
        },
    )
    elsewhere = BashOperator(task_id="elsewhere", bash_command="true", executor_config={"pod_override": None})
    own >> batch_executor >> image >> elsewhere
