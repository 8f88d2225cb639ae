"""Several DAGs in one file, one of them without tasks, and one of two unconnected parts, one of which fails."""

from airflow.sdk import DAG, task


@task
def value(number):
    return number


@task
def breaks():
    raise ValueError("on purpose")


with DAG("components_none"):
    pass

with DAG("components_two"):
    value(1) >> value(2)
    breaks() >> value(3)
