"""One DAG whose tasks cannot be read, beside one that can."""

import sys

from airflow.sdk import DAG, BaseOperator


class Leaves(BaseOperator):
    """What Airflow's own code asks for leaves Python."""

    def execute(self, context):
        pass

    def get_closest_mapped_task_group(self):
        sys.exit(7)


with DAG("beside"):
    BaseOperator(task_id="t")
with DAG("raising"):
    Leaves(task_id="leaves")
