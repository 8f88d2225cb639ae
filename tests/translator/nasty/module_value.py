"""A lazy value of the module that Airflow itself trips over when it looks for DAGs."""

from airflow.sdk import DAG, BaseOperator


class Lazy:
    @property
    def __class__(self):
        raise RuntimeError("no application context")


settings = Lazy()
with DAG("module_value"):
    BaseOperator(task_id="t")
