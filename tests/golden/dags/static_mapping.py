"""Mapped tasks whose instances the file tells: array jobs in a chain too, child by child within a mapped group."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group

with DAG("static_mapping"):

    @task(retries=2)
    def load(table, day):
        return f"{table} {day}"

    @task
    def check(table):
        return table

    loaded = load.expand(table=["a", "b"], day=[1, 2, 3])

    @task_group
    def publish(table):
        checked = check(table)
        checked >> EmptyOperator(task_id="nothing") >> BashOperator(task_id="write", bash_command="true")

    one = check.override(task_id="one").expand(table=["only"])
    none = check.override(task_id="none").expand(table=[])
    loaded >> publish.expand(table=["a", "b"]) >> BashOperator(task_id="end", bash_command="true")
    [one, none] >> BashOperator(task_id="anyway", bash_command="true", trigger_rule="all_done")
