"""A task is decided early by one upstream task, and a branch or short circuit that ends later skips it all the same."""

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


@task.branch
def chooses():
    return []


@task.short_circuit
def stops():
    return False


def after_two(last):
    """``last`` below two jobs, so that it ends after what has none above it."""
    works.override(task_id="one")() >> works.override(task_id="two")() >> last
    return last


with DAG("skip_after_upstream_failed"):
    [breaks(), after_two(chooses())] >> empty("target")

with DAG("short_circuit_after_upstream_failed"):
    target, near = empty("target"), empty("near")
    after_two(stops()) >> near
    [breaks(), near] >> target

with DAG("skip_after_success"):
    # target starts with the first success; what has run is not skipped any more.
    target = works.override(task_id="target", trigger_rule="one_success")()
    [works(), after_two(chooses())] >> target
    target >> empty("below")

with DAG("short_circuit_after_success"):
    target, near = works.override(task_id="target", trigger_rule="one_success")(), empty("near")
    after_two(stops()) >> near
    [works(), near] >> target
    target >> empty("below")

with DAG("failure_after_skip"):
    target = empty("target")
    [chooses(), after_two(breaks())] >> target
    target >> empty("below", "none_failed")
