"""EmptyOperators as start, joins and end, in a graph whose order has redundant edges."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG("empties"):
    start, middle, end = (EmptyOperator(task_id=name) for name in ("start", "middle", "end"))

    @task
    def work(number):
        return number

    first = [work.override(task_id=f"first_{n}")(n) for n in range(3)]
    second = [work.override(task_id=f"second_{n}")(n) for n in range(2)]
    start >> first >> middle >> second >> end
    start >> middle
    first[0] >> end
