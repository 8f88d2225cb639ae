"""Mapped tasks: one array job for each, counted from what their upstream tasks leave."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG("mapping"):

    @task
    def names():
        return ["a", "b"]

    @task(retries=1)
    def greet(name, greeting):
        return f"{greeting} {name}"

    @task
    def together(greetings):
        return ", ".join(greetings)

    greeted = greet.expand(name=names(), greeting=["hello", "goodbye"])
    together(greeted)
    greeted >> BashOperator(task_id="any", bash_command="true", trigger_rule="one_success")
