"""A mapped task group with a graph of its own: a Map whose instances decide for themselves."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task_group

with DAG("mapped_group"):

    @task_group
    def load(name):
        fetch = BashOperator(task_id="fetch", bash_command="true")
        fetch >> BashOperator(task_id="store", bash_command="true")
        fetch >> BashOperator(task_id="complain", bash_command="true", trigger_rule="all_failed")

    load.expand(name=["a", "b"]) >> BashOperator(task_id="report", bash_command="true", trigger_rule="all_done")
