"""Forks in forks, more than Parallels may nest."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException

RULES = [
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "one_failed",
    "one_success",
]
RULES += ["one_done", "none_failed", "none_failed_min_one_success", "none_skipped", "always"]


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


@task(trigger_rule="all_done")
def works():
    return "worked"


@task(trigger_rule="all_done")
def breaks():
    raise RuntimeError("on purpose")


@task(trigger_rule="all_done")
def skips():
    raise AirflowSkipException


def step(name, number):
    kind = {2: breaks, 5: skips, 8: works}.get(number % 9)
    return kind.override(task_id=name)() if kind else empty(name, "all_done")


with DAG("spine_of_rules"):
    last = step("step00", 0)
    for n in range(1, 40):
        below = step(f"step{n:02}", n)
        last >> [below, empty(f"leaf{n:02}", RULES[n % len(RULES)])]
        last = below

with DAG("forks_in_forks"):
    # Each level is between two tasks of the one around it, beside a task that may end otherwise.
    opening, closing = [step(f"opens{n:02}", n) for n in range(14)], []
    for n, outer in enumerate(opening):
        aside, closes = step(f"aside{n:02}", n + 3), empty(f"closes{n:02}", RULES[n % (len(RULES) - 1)])
        outer >> aside >> closes
        closing.append(closes)
    for outer, inner in zip(opening, opening[1:]):
        outer >> inner
    for outer, inner in zip(closing, closing[1:]):
        inner >> outer
    opening[-1] >> closing[-1]
