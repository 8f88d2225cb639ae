"""The run's state by the leaf rule, tries and limits, and the rules that do not wait."""

from datetime import timedelta

from airflow.exceptions import AirflowFailException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


@task
def breaks():
    raise RuntimeError("on purpose")


@task
def works():
    return "worked"


with DAG("leaf_after_failure"):
    breaks() >> empty("watcher", "all_done")

with DAG("leaf_fails_too"):
    bad = breaks()
    bad >> empty("watcher", "all_done")
    bad >> empty("not_reached")

with DAG("leaf_on_failure"):
    works() >> breaks() >> works.override(task_id="alarm", trigger_rule="one_failed")()

with DAG("leaf_skipped"):
    works() >> works.override(task_id="alarm", trigger_rule="one_failed")()

with DAG("leaf_always"):
    breaks() >> empty("after") >> works.override(task_id="last", trigger_rule="always")()

with DAG("always_everywhere"):
    jobs = [works(), breaks(), empty("nothing")]
    jobs >> works.override(task_id="first", trigger_rule="always")()
    jobs >> empty("second", "always") >> empty("third")
    works.override(task_id="alone", trigger_rule="always")()

with DAG("tries", default_args={"retries": 2, "retry_delay": timedelta(0)}):

    @task
    def second_time(ti):
        if ti.try_number < 2:
            raise RuntimeError("not yet")
        return ti.try_number

    @task
    def gives_up(ti):
        raise AirflowFailException("no use")

    @task
    def gives_up_later(ti):
        raise AirflowFailException("no use") if ti.try_number == 2 else RuntimeError("not yet")

    @task(execution_timeout=timedelta(seconds=1), retries=1)
    def too_slow():
        import time

        time.sleep(30)

    second_time() >> empty("after_second")
    gives_up() >> empty("after_giving_up", "all_failed")
    gives_up_later() >> works.override(task_id="on_failure", trigger_rule="one_failed")()
    too_slow() >> empty("after_too_slow", "all_done")

with DAG("early"):

    @task
    def slow():
        import time

        time.sleep(3)
        return "slow"

    @task
    def slow_and_broken():
        import time

        time.sleep(3)
        raise RuntimeError("on purpose")

    fast, late, late_and_broken = works(), slow(), slow_and_broken()
    [fast, late] >> works.override(task_id="on_success", trigger_rule="one_success")()
    [fast, late_and_broken] >> works.override(task_id="on_done", trigger_rule="one_done")()
    [breaks(), late] >> works.override(task_id="on_failure", trigger_rule="one_failed")()
    [fast, late_and_broken] >> empty("all_of_them") >> empty("below")

with DAG("numbers_below_nothing"):

    def broken(name, **settings):
        return breaks.override(task_id=name, **settings)()

    bad = [
        broken("no_retries", retries=-1),
        broken("no_delay", retries=1, retry_delay=-5),
        broken("no_growth", retries=1, retry_delay=0.5, retry_exponential_backoff=-3),
        broken("no_bound", retries=1, retry_exponential_backoff=2, max_retry_delay=timedelta(days=-1)),
        broken("no_time", execution_timeout=timedelta(days=-1)),
    ]
    bad >> empty("after", "all_failed")
