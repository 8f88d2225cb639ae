"""Task groups: edges between groups, nested groups, ids with dots, labels."""

from airflow.sdk import DAG, Label, TaskGroup, task

with DAG("groups"):

    @task
    def step(name):
        return name

    with TaskGroup("load") as load:
        step.override(task_id="read")("read") >> step.override(task_id="parse")("parse")
        with TaskGroup("inner") as inner:
            step.override(task_id="deep")("deep")
    with TaskGroup("publish", prefix_group_id=False) as publish:
        step.override(task_id="send")("send")
        step.override(task_id="tell")("tell")
    step.override(task_id="begin")("begin") >> Label("go") >> load >> publish
