"""Mapped tasks whose instances a Map carries out, with every rule below them."""

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

RULES = [
    *("all_success", "all_failed", "all_done", "all_skipped", "one_failed", "one_success", "one_done"),
    *("none_failed", "none_failed_min_one_success", "none_skipped", "all_done_min_one_success"),
]


@task(max_active_tis_per_dagrun=2)
def by_script(x):
    if x == "fail":
        raise ValueError(x)
    if x == "skip":
        raise AirflowSkipException(x)
    return x


@task
def script():
    return ["a", "fail", "b"]


@task
def nothing():
    return []


def below(instances, but=""):
    beside = EmptyOperator(task_id="beside")
    for rule in RULES:
        if rule != but:
            [instances, beside] >> EmptyOperator(task_id=rule, trigger_rule=rule)


with DAG("each_some_bad"):
    # Over a thousand instances at the most: a distributed Map.
    below(by_script.expand(x=script()))

with DAG("each_good"):
    below(by_script.expand(x=["a", "b"]))

with DAG("each_void"):
    below(by_script.expand(x=["skip", "skip"]))

with DAG("each_worst"):
    # all_success goes by whom it sees first.
    below(by_script.expand(x=["a", "fail", "skip"]), but="all_success")

with DAG("each_of_nothing"):
    none = by_script.expand(x=nothing())
    none >> EmptyOperator(task_id="end")
    none >> EmptyOperator(task_id="whatever", trigger_rule="all_done")
