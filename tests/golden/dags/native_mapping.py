"""The user's own Batch jobs as instances of mapped tasks and groups: no worker runs."""

from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG, task_group

JOB = {"job_queue": "exports", "job_definition": "export:4"}

with DAG("native_mapping"):
    export = BatchOperator.partial(task_id="export", job_name="export-{{ ds_nodash }}", retries=1, **JOB).expand(
        parameters=[{"region": "eu"}, {"region": "it's us"}],
        container_overrides=[
            {"command": ["export", "--day", "{{ ds }}"]},
            {"command": ["export"], "environment": [{"name": "FULL", "value": "yes"}]},
        ],
    )

    @task_group
    def load(table):
        BatchOperator(task_id="stage", job_name="stage", **JOB) >> BatchOperator(
            task_id="of_its_own", job_name="{{ task_instance.map_index }}", **JOB
        )

    export >> load.expand(table=["orders", "customers"])
