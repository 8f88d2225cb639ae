"""Tasks outside their start_date or end_date: Airflow makes no instance of them, and waits for them in vain."""

from datetime import datetime, timezone

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, setup, task, task_group, teardown

# The logical date of every run here.
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
PAST, FUTURE = NOW.replace(year=2025), NOW.replace(year=2027)
RULES = (
    *("all_success", "all_failed", "all_done", "all_done_min_one_success", "all_skipped", "one_failed", "one_success"),
    *("one_done", "none_failed", "none_failed_min_one_success", "none_skipped", "always"),
)
MIXTURES = ("", "s", "f", "k", "sfk")


def empty(name, rule="all_success", **settings):
    return EmptyOperator(task_id=name, trigger_rule=rule, **settings)


@task
def works():
    return "worked"


@task
def breaks():
    raise RuntimeError("on purpose")


@task
def skips():
    raise AirflowSkipException("on purpose")


def gone(name="gone", **settings):
    return works.override(task_id=name, end_date=PAST, **settings)()


def before(**settings):
    return setup(task(task_id="before", **settings)(lambda: 1))()


def after(**settings):
    return teardown(task(task_id="after", **settings)(lambda: 2))()


with DAG("window_rules"):
    sources = {"s": works(), "f": breaks(), "k": skips(), "g": gone()}
    for rule in RULES:
        for mixture in MIXTURES:
            below = empty(f"{rule}_over_{mixture}g", rule)
            [sources[each] for each in f"{mixture}g"] >> below
            if mixture == "s":
                below >> empty(f"{rule}_then", "all_done")
                [below, sources["s"]] >> empty(f"{rule}_some", "none_failed_min_one_success")

with DAG("window_boundaries"):
    works.override(task_id="ends_now", end_date=NOW)()
    works.override(task_id="starts_now", start_date=NOW)()
    works.override(task_id="ended", end_date=NOW.replace(second=4))()
    works.override(task_id="to_come", start_date=NOW.replace(second=6))()
    works.override(task_id="inside", start_date=PAST, end_date=FUTURE)()
    empty("nothing", end_date=PAST)

with DAG("window_of_the_dag", start_date=PAST, end_date=NOW.replace(second=4)):
    works() >> works.override(task_id="after", end_date=FUTURE)()

with DAG("window_by_default", default_args={"start_date": FUTURE}):
    works() >> empty("after")
    works.override(task_id="own", start_date=PAST)()

with DAG("window_leaf"):
    works() >> gone()

with DAG("window_root"):
    gone() >> works()

with DAG("window_root_always"):
    gone() >> works.override(trigger_rule="always")() >> works.override(task_id="after")()

with DAG("window_middle"):
    works() >> gone() >> works.override(task_id="last")() >> empty("very_last", "all_done")

with DAG("window_failure_beside"):
    [breaks(), gone()] >> works.override(task_id="last")() >> empty("very_last")

with DAG("window_branch_to_gone"):

    @task.branch
    def choose():
        return "gone"

    chosen = choose()
    chosen >> gone() >> works.override(task_id="after_gone")()
    chosen >> works() >> empty("after", "none_failed")

with DAG("window_branch_from_gone"):

    @task.branch
    def choose():
        return "works"

    chosen = choose()
    sides = [gone(), works()]
    chosen >> sides >> works.override(task_id="both", trigger_rule="none_failed_min_one_success")()
    chosen >> works.override(task_id="other")()

with DAG("window_skips_blocked"):

    @task.branch
    def choose():
        return "works"

    chosen = choose()
    chosen >> works()
    other = works.override(task_id="other")()
    [chosen, gone()] >> other >> works.override(task_id="after_other")()

with DAG("window_short_circuit"):

    @task.short_circuit
    def stop():
        return False

    stop() >> gone() >> works() >> empty("last", "all_done")

with DAG("window_setup_gone"), before(end_date=PAST) >> after():
    works() >> empty("more", "all_done") >> empty("most", "always")

with DAG("window_work_gone"), before() >> after():
    gone() >> works()

with DAG("window_inner_gone"), before() >> after():
    works.override(task_id="first")() >> gone() >> works.override(trigger_rule="always")()

with DAG("window_teardown_gone"), before() >> after(end_date=PAST):
    works()

with DAG("window_pull"):

    @task(trigger_rule="always")
    def pull(got):
        return repr(got)

    @task(trigger_rule="always")
    def pull_by_id(ti):
        return repr(ti.xcom_pull(task_ids="gone"))

    retired = gone()
    pull(retired)
    retired >> pull_by_id()


@task
def each(x):
    return x


@task
def numbers():
    return [1, 2]


with DAG("window_mapped_gone"):
    m, other = each.override(task_id="m", end_date=PAST).expand(x=[1, 2]), works()
    for rule in RULES:
        m >> empty(rule, rule)
        [m, other] >> empty(f"{rule}_two", rule)

with DAG("window_beside_mapped"):
    m = each.override(task_id="m").expand(x=[1, 2])
    retired = gone()
    blocked = retired >> works.override(task_id="blocked")()
    for rule in RULES:
        [m, retired] >> empty(f"{rule}_gone", rule)
        [m, blocked] >> empty(f"{rule}_blocked", rule)

with DAG("window_producer_gone"):
    found = numbers.override(end_date=PAST)()
    for rule in ("all_success", "none_failed", "one_success", "all_done"):
        each.override(task_id=f"each_{rule}", trigger_rule=rule).expand(x=found) >> empty(f"after_{rule}", "all_done")

with DAG("window_producer_blocked"):
    found = numbers()
    gone() >> found
    for rule in ("all_success", "none_failed", "one_success", "all_done"):
        each.override(task_id=f"each_{rule}", trigger_rule=rule).expand(x=found) >> empty(f"after_{rule}", "all_done")

with DAG("window_in_group"):

    @task_group
    def pair(x):
        first = each.override(task_id="first")(x)
        mid = each.override(task_id="mid", end_date=PAST)(x)
        last = each.override(task_id="last", trigger_rule="none_failed")(x)
        first >> mid >> last
        first >> works.override(task_id="fine")()

    pair.expand(x=[1, 2]) >> empty("after", "all_done")

with DAG("window_group_below_gone"):

    @task_group
    def pair(x):
        each.override(task_id="first")(x) >> each.override(task_id="last", trigger_rule="all_done")(x)

    gone() >> pair.expand(x=[1, 2]) >> empty("after", "all_done")


with DAG("window_group_all_gone"):

    @task_group
    def pair(x):
        each.override(task_id="first", end_date=PAST)(x) >> each.override(task_id="last", end_date=PAST)(x)

    pair.expand(x=[1, 2]) >> works.override(task_id="after")()


with DAG("window_group_over_xcom"):

    @task_group
    def pair(x):
        each.override(task_id="first", end_date=PAST)(x) >> each.override(task_id="last")(x)
        each.override(task_id="free")(x)

    pair.expand(x=numbers()) >> works.override(task_id="after")()
