"""Mapped tasks and groups whose number of instances the file tells: also a job chain runs them."""

from datetime import timedelta

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


@task
def double(x):
    return x * 2


@task
def by_script(x):
    """``fail`` and ``skip`` do what they say."""
    if x == "fail":
        raise ValueError(x)
    if x == "skip":
        raise AirflowSkipException(x)
    return x


@task(retries=1, retry_delay=timedelta(0))
def second_try(x, ti=None):
    if x not in {"a", "skip"} and ti.try_number == 1:
        raise RuntimeError("not yet")
    return by_script.function(x)


@task
def total(values):
    return sorted(map(str, values))


with DAG("array_group_rules"):

    @task_group
    def work(x):
        first, other = by_script.override(task_id="first")(x), second_try.override(task_id="other")(x)
        double.override(task_id="strict")(first)
        [first, other] >> BashOperator(task_id="any", bash_command="echo any", trigger_rule="one_success")
        first >> BashOperator(task_id="done", bash_command="echo done", trigger_rule="all_done")
        first >> EmptyOperator(task_id="empty") >> BashOperator(task_id="below_empty", bash_command="echo below")
        first >> EmptyOperator(task_id="alarm", trigger_rule="one_failed")
        return other

    group = work.expand(x=["a", "fail", "skip", "b"])
    total.override(trigger_rule="all_done")(group)
    group >> EmptyOperator(task_id="end")
    group >> BashOperator(task_id="strict", bash_command="echo never")

with DAG("array_group_failing_plainly"):
    # Nothing below decides: Batch itself stops each instance.
    @task_group
    def work(x):
        double.override(task_id="third")(double.override(task_id="second")(by_script.override(task_id="first")(x)))

    work.expand(x=["a", "fail", "b"]) >> BashOperator(task_id="end", bash_command="echo never")

with DAG("array_of_one"):

    @task_group
    def work(x):
        double.override(task_id="second")(double.override(task_id="first")(x))

    work.expand(x=[3])
    total(double.expand(x=[4]))

with DAG("array_of_none"):
    none = double.expand(x=[])
    total(none)
    none >> EmptyOperator(task_id="empty")
    none >> BashOperator(task_id="anyway", bash_command="echo anyway", trigger_rule="all_done")

    @task_group
    def work(x):
        double.override(task_id="first")(x) >> EmptyOperator(task_id="after", trigger_rule="all_done")

    work.expand(x=[]) >> BashOperator(task_id="end", bash_command="echo end", trigger_rule="none_failed")
    by_script.override(task_id="bad")("fail") >> double.override(task_id="none_below_failure").expand(x=[])

with DAG("array_below_failure"):
    bad = by_script.override(task_id="bad")("fail")
    bad >> double.expand(x=[1, 2])

    @task_group
    def work(x):
        double.override(task_id="first")(x) >> BashOperator(
            task_id="after", bash_command="echo after", trigger_rule="all_done"
        )

    bad >> work.expand(x=[1, 2])

with DAG("array_empty"):
    good, bad = by_script.expand(x=["a", "b"]), by_script.override(task_id="bad").expand(x=["a", "fail"])
    (
        good
        >> EmptyOperator.partial(task_id="empty").expand(doc=["x", "y"])
        >> BashOperator(task_id="end", bash_command="echo end")
    )
    (
        bad
        >> EmptyOperator.partial(task_id="void").expand(doc=["x", "y"])
        >> BashOperator(task_id="done", bash_command="echo done", trigger_rule="all_done")
    )

with DAG("array_branch"):

    @task.branch
    def choose():
        return "right"

    @task.short_circuit
    def stop():
        return False

    chosen = choose()
    chosen >> [double.override(task_id="left").expand(x=[1, 2]), double.override(task_id="right").expand(x=[3, 4])]
    (
        stop()
        >> double.override(task_id="near").expand(x=[1, 2])
        >> double.override(task_id="far", trigger_rule="all_done").expand(x=[5, 6])
    )

with DAG("array_branch_in_group"):

    @task_group
    def work(x):
        @task.branch
        def pick(x):
            return "work.odd" if x % 2 else "work.even"

        pick(x) >> [double.override(task_id="odd")(x), double.override(task_id="even")(x)]

    work.expand(x=[1, 2])

with DAG("array_setups"):

    @task_group
    def work(x):
        make = by_script.override(task_id="make")(x).as_setup()
        use = by_script.override(task_id="use")(x)
        make >> use >> by_script.override(task_id="clean")("a").as_teardown(setups=make)
        use >> EmptyOperator(task_id="after")

    work.expand(x=["a", "fail", "skip"]) >> EmptyOperator(task_id="end", trigger_rule="all_done")

with DAG("array_between"):
    make = double.override(task_id="make")(1).as_setup()
    clean = double.override(task_id="clean")(1).as_teardown(setups=make, on_failure_fail_dagrun=True)
    make >> by_script.expand(x=["a", "fail"]) >> clean
