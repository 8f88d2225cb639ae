"""A job below 22 others, which is more than AWS Batch lets it depend on."""

from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG


def job(name, command):
    overrides = {"command": ["sh", "-c", command]}
    return BatchOperator(task_id=name, job_name=name, job_queue="q", job_definition="d", container_overrides=overrides)


with DAG("wide"):
    many = [job(f"many{number:02}", "true") for number in range(22)]
    many >> job("last", "true")
