from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG

with DAG("unknown_job"):
    BatchOperator(task_id="job", job_name="job", job_queue="queue", job_definition="somebody-elses:7")
