"""Graphs that are not series-parallel."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


@task
def works():
    return "worked"


@task
def breaks():
    raise RuntimeError("on purpose")


with DAG("n_shape"):
    a, b, c, d = (works.override(task_id=name)() for name in "abcd")
    a >> [c, d]
    b >> d

with DAG("n_shape_fails"):
    a, b = works.override(task_id="a")(), breaks.override(task_id="b")()
    c, d = empty("c"), empty("d")
    a >> [c, d]
    b >> d >> empty("e", "all_done")

with DAG("ladder"):
    left = [works.override(task_id=f"left{n}")() if n % 2 else empty(f"left{n}") for n in range(5)]
    right = [breaks.override(task_id="right1")() if n == 1 else empty(f"right{n}", "none_skipped") for n in range(5)]
    for n in range(4):
        left[n] >> [left[n + 1], right[n + 1]]
        right[n] >> right[n + 1]

with DAG("almost_complete"):
    tops = [works.override(task_id=f"top{n}")() if n else breaks.override(task_id="top0")() for n in range(3)]
    bottoms = [empty(f"bottom{n}") for n in range(3)]
    for top in tops:
        top >> [bottom for bottom in bottoms if (top, bottom) != (tops[0], bottoms[2])]

with DAG("in_degree_20"):
    many = [empty(f"many{n:02}") for n in range(19)] + [works()]
    many >> empty("all_of_them") >> empty("end")
    many >> empty("any_of_them", "one_success")
    many[3] >> empty("aside")

with DAG("long_way_round"):
    first, last = works.override(task_id="first")(), works.override(task_id="last")()
    first >> works.override(task_id="middle")() >> breaks() >> last
    first >> last
    first >> empty("short", "all_done") >> empty("end", "one_done")
    last >> empty("after", "all_failed")

with DAG("spine"):
    # Below each step the next one and an audit: 23 forks in one another.
    step = works.override(task_id="step00")()
    for n in range(1, 24):
        step >> empty(f"audit{n:02}")
        step >> (step := breaks.override(task_id="step18")() if n == 18 else empty(f"step{n:02}", "one_done"))
