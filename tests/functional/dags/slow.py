"""A task that runs until it is stopped, and says so."""

import time
from pathlib import Path

from airflow.sdk import DAG, BaseOperator, task


class Patient(BaseOperator):
    template_fields = ("path",)

    def __init__(self, path, **kwargs):
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context):
        Path(self.path).write_text("running")
        time.sleep(300)

    def on_kill(self):
        Path(self.path).write_text("killed")


with DAG("slow", params={"path": "/nowhere"}):

    @task
    def below():
        return 1

    Patient(task_id="patient", path="{{ params.path }}") >> below()
