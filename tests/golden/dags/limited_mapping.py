"""Mapped tasks that an array job cannot carry out: limited ones, ones that give up their container, and too many."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import DAG, task, task_group

with DAG("limited_mapping"):

    @task
    def names():
        return ["a", "b"]

    @task(max_active_tis_per_dagrun=2)
    def greet(name):
        return name

    @task(max_active_tis_per_dag=1, retries=1)
    def one_after_another(name):
        return name

    greeted = greet.expand(name=names())
    one_after_another.expand(name=["a", "b"])
    PythonSensor.partial(task_id="wait_for", python_callable=str, mode="reschedule").expand(op_args=[["a"], ["b"]])
    # A thousand times a thousand, at the most.
    BashOperator.partial(task_id="product", bash_command="true").expand(env=names(), cwd=greeted)

    @task_group
    def load(name):
        fetch = BashOperator(task_id="fetch", bash_command="true", max_active_tis_per_dagrun=3)
        fetch >> BashOperator(task_id="store", bash_command="true", trigger_rule="one_success")

    load.expand(name=names()) >> BashOperator(task_id="report", bash_command="true", trigger_rule="all_done")
