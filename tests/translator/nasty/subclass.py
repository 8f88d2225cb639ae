"""A DAG class of the author's that looks something up."""

from airflow.sdk import DAG, BaseOperator


class Described(DAG):
    @property
    def tasks(self):
        raise LookupError("no catalogue here")


class Plain(DAG):
    pass


with Described("described"):
    BaseOperator(task_id="t")
with Plain("plain"):
    BaseOperator(task_id="t")
