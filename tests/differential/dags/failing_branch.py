"""A failure on one side: the other side goes on, what joins them cannot run."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG("failing_branch"):

    @task
    def fine(name):
        return name

    @task
    def breaks():
        raise ValueError("on purpose")

    start = fine.override(task_id="start")("start")
    bad = breaks()
    after_bad = fine.override(task_id="after_bad")("never")
    left = fine.override(task_id="left")("left")
    after_left = fine.override(task_id="after_left")("left again")
    join = EmptyOperator(task_id="join")
    last = fine.override(task_id="last")("never")
    start >> [bad, left]
    bad >> after_bad
    left >> after_left
    [after_bad, after_left] >> join >> last
