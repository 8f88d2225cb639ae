"""Operators of services that go on by themselves: the machine calls, and looks for the end; or a worker does."""

from datetime import datetime

from airflow.providers.amazon.aws.operators.emr import (
    EmrContainerOperator,
    EmrStartNotebookExecutionOperator,
    EmrStopNotebookExecutionOperator,
)
from airflow.providers.amazon.aws.operators.glue_databrew import GlueDataBrewStartJobOperator
from airflow.sdk import DAG

NOTEBOOK = {"editor_id": "e-1", "relative_path": "days.ipynb", "cluster_id": "j-1", "service_role": "notebooks"}
SPARK = {
    "name": "count-{{ ds }}",
    "virtual_cluster_id": "0b0qvauoy3ch1nqodxxxxxxxx",
    "execution_role_arn": "arn:aws:iam::123456789012:role/jobs",
    "release_label": "emr-7.9.0-latest",
}
DRIVER = {"sparkSubmitJobDriver": {"entryPoint": "s3://code/count.py", "entryPointArguments": ["{{ ds }}"]}}

with DAG("aws_services", schedule="@daily", start_date=datetime(2026, 1, 1)):
    clean = GlueDataBrewStartJobOperator(task_id="clean", job_name="clean", waiter_delay=10, retries=1)
    deferred = GlueDataBrewStartJobOperator(task_id="deferred", job_name="clean", deferrable=True)
    notebook = EmrStartNotebookExecutionOperator(
        task_id="notebook",
        notebook_execution_name="days-{{ ds }}",
        notebook_params='{"day": "{{ ds }}"}',
        wait_for_completion=True,
        **NOTEBOOK,
    )
    unnamed = EmrStartNotebookExecutionOperator(task_id="unnamed", **NOTEBOOK)
    stop = EmrStopNotebookExecutionOperator(
        task_id="stop", notebook_execution_id="ex-1", wait_for_completion=True, waiter_max_attempts=5
    )
    count = EmrContainerOperator(task_id="count", job_driver=DRIVER, tags={"team": "data"}, **SPARK)
    followed = EmrContainerOperator(
        task_id="followed", job_driver=DRIVER, openlineage_inject_parent_job_info=True, **SPARK
    )
    notebook >> [count, followed]
    clean >> notebook >> stop
    deferred >> unnamed
