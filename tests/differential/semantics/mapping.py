"""Mapped tasks: what they expand over, how their instances end, and every rule below them."""

from datetime import timedelta

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task


@task
def three():
    return [1, 2, 3]


@task
def nothing():
    return []


@task
def pairs():
    return {"a": 1, "b": 2}


@task
def double(x):
    return x * 2


@task
def add(x, y):
    return x + y


@task
def total(values):
    return sum(values)


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
    if x == 2 and ti.try_number == 1:
        raise RuntimeError("not yet")
    return x


@task
def broken():
    raise ValueError("broken")


with DAG("mapped_over_literals"):
    double.expand(x=[1, 2, 3])
    double.override(task_id="one").expand(x=[7])
    add.partial(y=10).expand(x=[1, 2])
    add.override(task_id="product").expand(x=[1, 2], y=[10, 20, 30])
    add.override(task_id="kwargs").expand_kwargs([{"x": 1, "y": 2}, {"x": 3, "y": 4}])
    BashOperator.partial(task_id="shell").expand(bash_command=["echo one", "echo two"])

with DAG("mapped_over_xcoms"):
    numbers = three()
    doubled = double.expand(x=numbers)
    total(doubled)
    double.override(task_id="again").expand(x=doubled)
    double.override(task_id="plus").expand(x=numbers.map(lambda x: x + 1))
    total.override(task_id="zipped").expand(values=numbers.zip(doubled))
    double.override(task_id="both").expand(x=numbers.concat(doubled))
    add.override(task_id="product").expand(x=numbers, y=[10, 20])
    add.override(task_id="pairs_kwargs").expand_kwargs(numbers.map(lambda x: {"x": x, "y": x}))
    task(task_id="items")(lambda item: list(item)).expand(item=pairs())

with DAG("mapped_over_nothing"):
    none = double.expand(x=nothing())
    total(none)
    EmptyOperator(task_id="below") << none
    EmptyOperator(task_id="whatever", trigger_rule="all_done") << none

with DAG("mapped_below_failure"):
    double.expand(x=broken()) >> EmptyOperator(task_id="below")

with DAG("mapped_retries"):
    total(second_try.expand(x=[1, 2, 3]))

RULES = [
    *("all_success", "all_failed", "all_done", "all_skipped", "one_failed", "one_success", "one_done"),
    *("none_failed", "none_failed_min_one_success", "none_skipped", "all_done_min_one_success"),
]
for name, script in {
    "good": ["a", "b"],
    "bad": ["fail", "fail"],
    "void": ["skip", "skip"],
    "some_bad": ["a", "fail"],
    "some_void": ["a", "skip"],
    "worst": ["a", "fail", "skip"],
}.items():
    with DAG(f"mapped_{name}"):
        instances = by_script.expand(x=script)
        beside = EmptyOperator(task_id="beside")
        for rule in RULES:
            # all_success goes by whom it sees first.
            if (rule, name) != ("all_success", "worst"):
                [instances, beside] >> EmptyOperator(task_id=rule, trigger_rule=rule)

with DAG("mapped_crossing"):
    left, right = by_script.override(task_id="left").expand(x=["a", "fail"]), three()
    left >> EmptyOperator(task_id="left_only", trigger_rule="all_done")
    [left, right] >> EmptyOperator(task_id="both", trigger_rule="one_failed")
    right >> EmptyOperator(task_id="right_only")
    [left, right] >> EmptyOperator(task_id="both_done", trigger_rule="all_done")
