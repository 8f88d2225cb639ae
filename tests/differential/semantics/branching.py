"""Branches: each way to write one, nested, to a group, to nothing, to several, and what joins them again."""

from datetime import timedelta

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import DAG, TaskGroup, task


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


class ByLength(BaseBranchOperator):
    """Chooses by the length of what is upstream."""

    def choose_branch(self, context):
        value = context["ti"].xcom_pull(task_ids="text")
        return "long" if len(value) > 3 else ["short"]


with DAG("branch_kinds"):

    @task
    def text():
        return "four"

    @task.branch
    def decorated():
        return "yes"

    @task
    def yes():
        return "ran"

    no = empty("no")
    decorated() >> [yes(), no]
    no >> empty("below_no")
    BranchPythonOperator(task_id="classic", python_callable=lambda: ["left"]) >> [empty("left"), empty("right")]
    text() >> ByLength(task_id="own") >> [empty("long"), empty("short")]

with DAG("branch_nothing"):

    @task.branch
    def chooses_none():
        return None

    @task.branch
    def chooses_empty():
        return []

    chooses_none() >> [empty("a"), empty("b")] >> empty("after_none", "none_failed")
    chooses_empty() >> [empty("c"), empty("d")] >> empty("after_empty", "none_failed_min_one_success")
    chooses_none.override(task_id="childless")()

with DAG("branch_several"):

    @task.branch
    def chooses_two():
        return ["a", "c"]

    targets = [empty(name) for name in "abcd"]
    chooses_two() >> targets
    targets >> empty("join", "none_failed_min_one_success")
    targets >> empty("strict")
    targets >> empty("any", "one_success")
    targets[1] >> empty("below_b") >> empty("done", "all_done")

with DAG("branch_nested"):

    @task.branch
    def outer():
        return "inner"

    @task.branch(task_id="inner")
    def inner_():
        return "deep_left"

    @task.branch
    def never():
        return "never_left"

    inside, unused = inner_(), never()
    outer() >> [inside, unused]
    inside >> [empty("deep_left"), empty("deep_right")] >> empty("inner_join", "none_failed_min_one_success")
    unused >> [empty("never_left"), empty("never_right")] >> empty("never_join", "none_failed_min_one_success")

with DAG("branch_to_join"):

    @task.branch
    def skips_work():
        return "join"

    @task.branch
    def keeps_below():
        return "step"

    fork, join = skips_work(), empty("join", "none_failed_min_one_success")
    fork >> empty("work") >> join
    fork >> join
    # step is followed, and what is below it is not skipped although it hangs below the branch too.
    keep = keeps_below()
    last = empty("last")
    keep >> empty("step") >> last
    keep >> [last, empty("other")]

with DAG("branch_to_group"):

    @task.branch
    def to_group():
        return "taken"

    with TaskGroup("taken") as taken:
        empty("one") >> empty("two")
        empty("alone")
    with TaskGroup("left") as left:
        empty("one") >> empty("two")
    to_group() >> [taken, left] >> empty("after", "none_failed_min_one_success")

with DAG("branch_shared_target"):

    @task.branch
    def to_shared():
        return "shared"

    @task.branch
    def away():
        return "elsewhere"

    shared = empty("shared")
    to_shared() >> [shared, empty("unused")]
    away() >> [shared, empty("elsewhere")]
    shared >> empty("below", "all_done")

with DAG("branch_wrong_target"):

    @task.branch
    def to_nowhere():
        return "nowhere"

    to_nowhere() >> [empty("a"), empty("b")] >> empty("end", "all_done")

with DAG("branch_over_a_failure"):

    @task
    def breaks():
        raise RuntimeError("on purpose")

    @task.branch
    def chooses():
        return "chosen"

    # not_chosen is skipped, even if its failed upstream task was first to end.
    bad, fork = breaks(), chooses()
    [bad, fork] >> empty("not_chosen")
    fork >> empty("chosen")

with DAG("skipped_before_failed", default_args={"retry_delay": timedelta(0)}):

    @task
    def skips():
        raise AirflowSkipException("nothing to do")

    @task(retries=2)
    def fails():
        raise ValueError("on purpose")

    @task(retries=1)
    def each(letter):
        if letter == "f":
            raise ValueError("on purpose")
        if letter == "s":
            raise AirflowSkipException("nothing to do")

    @task
    def work(*of_all):
        return "ran"

    bad = fails()
    [skips(), bad] >> work.override(task_id="below_both")() >> empty("end")
    bad >> empty("below_bad")
    work.override(task_id="below_each")(each.expand(letter=["s", "f", "o"]))
