from datetime import datetime, timedelta

from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG


def page(context):
    print("failed", context["ti"])


def job(task_id, **more):
    return BatchOperator(
        task_id=task_id,
        job_name=task_id,
        job_queue="jobs",
        job_definition="etl",
        container_overrides={"command": ["run", task_id, "{{ ds }}"]},
        **more,
    )


with DAG("etl_batch", schedule="0 6 * * *", start_date=datetime(2026, 1, 1), catchup=False, on_failure_callback=page):
    start = job("start")
    extracts = [
        job("extract_orders", retries=2, retry_delay=timedelta(minutes=1)),
        job("extract_items"),
        job("extract_users"),
    ]
    gather, plan, check = job("gather"), job("plan"), job("check", on_failure_callback=page, pool="one")
    clean = BatchOperator.partial(task_id="clean", job_queue="jobs", job_definition="etl", job_name="clean").expand(
        parameters=[{"part": "1"}, {"part": "2"}]
    )
    total, end = job("total"), job("end", trigger_rule="all_done")
    start >> extracts >> gather >> plan >> clean >> total >> check >> end
