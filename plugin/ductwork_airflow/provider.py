"""What Airflow's providers manager reads about this package (entry point ``apache_airflow_provider``)."""

from __future__ import annotations

from importlib import metadata

_PACKAGE = "ductwork"
_SINCE = "0.1.0"


def _option(
    description: str, *, kind: str = "string", default: str = "", example: str | None = None
) -> dict[str, object]:
    return {
        "description": description,
        "version_added": _SINCE,
        "type": kind,
        "example": example,
        "default": default,
    }


# Deployment values hold for every task; a task's executor_config and an operator's ``deployment`` come before them.
OPTIONS: dict[str, dict[str, object]] = {
    "ledger_table": _option("The DynamoDB table that holds runs, task instances and XComs.", example="ductwork"),
    "role_arn": _option(
        "Execution role of the state machines that SubmitScheduleOperator creates or updates. Without one it starts "
        "state machines that somebody else has deployed.",
        example="arn:aws:iam::123456789012:role/ductwork-execution",
    ),
    "endpoint_url": _option(
        "One address for all AWS services, for an embedded AWS. With it no connection and no credentials are needed. "
        "An endpoint_url in the connection's extra comes first.",
        example="http://127.0.0.1:5000",
    ),
    "job_queue": _option("Name or ARN of the AWS Batch job queue for worker tasks.", example="ductwork"),
    "job_definition": _option("Name, name:revision or ARN of the job definition for worker tasks.", example="ductwork"),
    "image": _option("Container image for worker tasks, in the place of job_definition.", example="me/airflow:3.3.2"),
    "vcpus": _option("vCPUs of a worker task: 0.25, 0.5 or a whole number.", example="1"),
    "memory": _option("Memory of a worker task in MiB.", example="2048"),
    "gpus": _option("GPUs of a worker task.", example="1"),
    "timeout": _option("Seconds after which Batch ends an attempt of a worker task; 60 at least.", example="3600"),
    "share_identifier": _option("Share identifier for queues with fair-share scheduling.", example="team"),
    "scheduling_priority": _option("Scheduling priority within the share, 0 to 9999.", example="10"),
    "native": _option("false: Airflow's own operators in workers, even where AWS could do without.", example="false"),
    "platform": _option(
        "Platform of images, of workers and of container tasks: ec2 (the default) or fargate.", example="fargate"
    ),
    "job_role": _option(
        "ARN of the role of workers of an image, and of container tasks.", example="arn:aws:iam::123456789012:role/job"
    ),
    "execution_role": _option(
        "ARN of the role that pulls images and secrets.",
        example="arn:aws:iam::123456789012:role/start",
    ),
    "registry_credentials": _option(
        "ARN of a secret with the login to a private registry.",
        example="arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry",
    ),
    "container_image": _option("Image of container tasks, in the place of what they name.", example="me/etl:7"),
    "worker_image": _option("true: the images of container tasks have Ductwork, to keep their XComs.", example="true"),
    "ignore": _option(
        "Arguments that container operators do without on AWS, separated by commas.", example="affinity, tolerations"
    ),
    "queues": _option(
        "Job queues for tasks by Airflow's queues: QUEUE=JOB_QUEUE, separated by commas.",
        example="gpu=my-gpu-queue, big=arn:aws:batch:eu-west-1:123456789012:job-queue/big",
    ),
    "pools": _option("The sizes of Airflow's pools: POOL=SLOTS, separated by commas.", example="etl=5, web=2"),
    "environment": _option("JSON: further variables of worker and container tasks.", example='{"STAGE": "test"}'),
    "tags": _option("JSON: tags of the jobs.", example='{"cost-centre": "42"}'),
    "secrets": _option(
        "JSON: variables of containers out of Secrets Manager or Parameter Store, by ARN.",
        example='{"TOKEN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"}',
    ),
    "volumes": _option(
        "JSON: what volumes of container tasks are on AWS, by name or path.",
        example='{"data": {"efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}}}',
    ),
    "public_ip": _option("Whether containers on Fargate have a public address: true or false.", example="true"),
    "event_bus": _option("EventBridge bus for asset events, besides the ledger: a name or an ARN.", example="assets"),
    "dag_code": _option(
        "Where in S3 the DAG files of workers are, as `ductwork upload` prints it; else in their image.",
        example="s3://my-bucket/dag-code/<hash>.zip",
    ),
    "engine": _option("With stepfunctions: states, or batch for one chain of Batch jobs.", example="batch"),
    "target": _option("Where delegated DAGs run: stepfunctions or batch.", example="batch"),
    "aws_conn_id": _option("Connection of delegated DAGs.", example="aws_default"),
    "region_name": _option("Region of delegated DAGs, before the connection's.", example="eu-west-1"),
    "places": _option("JSON: values for open places of delegated DAGs.", example='{"JobQueue": "ductwork"}'),
    "poll_interval": _option("Least number of seconds between looks at a delegated run.", example="5"),
    "delegate_tag": _option("DAGs with this tag are delegated without touching their files.", default="ductwork"),
    "delegate_dags": _option("Patterns of DAG ids to delegate, separated by commas.", example="etl_*,reports"),
    "propagate_tags": _option("Whether jobs hand their tags on to their ECS tasks: true or false.", example="true"),
}


def get_provider_info() -> dict[str, object]:
    """The provider's description. There is no connection type of its own: connections of the Amazon provider (type
    ``aws``, by ``aws_conn_id``) serve.
    """
    return {
        "package-name": _PACKAGE,
        "name": "Ductwork",
        "description": "Run whole Airflow DAGs on AWS Batch and AWS Step Functions. Uses connections of type ``aws``.",
        "versions": [_version()],
        "dependencies": ["apache-airflow>=3.1", "apache-airflow-providers-amazon>=9.15"],
        "integrations": [
            {
                "integration-name": "Ductwork",
                "external-doc-url": "https://aws.amazon.com/step-functions/",
                "tags": ["aws"],
            }
        ],
        "operators": [{"integration-name": "Ductwork", "python-modules": ["ductwork_airflow.operators"]}],
        "hooks": [{"integration-name": "Ductwork", "python-modules": ["ductwork_airflow.hooks"]}],
        "triggers": [{"integration-name": "Ductwork", "python-modules": ["ductwork_airflow.triggers"]}],
        "extra-links": [f"ductwork_airflow.links.{name}" for name in _LINKS],
        "config": {
            "ductwork": {
                "description": "Where and with what Ductwork runs tasks on AWS.",
                "options": OPTIONS,
            }
        },
    }


_LINKS = ("ExecutionLink", "BatchQueueLink", "BatchJobLink", "LogsLink")


def _version() -> str:
    try:
        return metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:  # in a plugins folder, not installed
        return "0"
