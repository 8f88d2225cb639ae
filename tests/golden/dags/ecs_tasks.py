"""EcsRunTaskOperators: as a Batch job where the image is named, else by Airflow's own operator in a worker."""

from datetime import datetime

from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
from airflow.sdk import DAG

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}}

with DAG("ecs_tasks", schedule="@daily", start_date=datetime(2026, 1, 1)):
    job = EcsRunTaskOperator(
        task_id="job",
        cluster="etl",
        task_definition="etl:7",
        launch_type="FARGATE",
        network_configuration=NETWORK,
        awslogs_group="/ecs/etl",
        awslogs_stream_prefix="ecs/etl",
        overrides={
            "containerOverrides": [
                {
                    "name": "etl",
                    "command": ["load", "{{ ds }}"],
                    "environment": [{"name": "DAY", "value": "{{ ds_nodash }}"}],
                    "cpu": 512,
                    "memory": 3000,
                }
            ],
            "taskRoleArn": "arn:aws:iam::123456789012:role/etl",
        },
        tags={"team": "data"},
        executor_config={
            "ductwork": {
                "container_image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/etl:7",
                "execution_role": "arn:aws:iam::123456789012:role/start",
                "platform": "fargate",
            }
        },
    )
    unchanged = EcsRunTaskOperator(
        task_id="unchanged",
        cluster="etl",
        task_definition="other",
        overrides={},
        executor_config={"ductwork": {"native": False}},
    )
    job >> unchanged
