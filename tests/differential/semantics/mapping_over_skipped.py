"""Expanded over what was skipped, failed or not even expanded: beside its rule, a task goes by what it is expanded over."""

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task, task_group


@task
def gives(x=0):
    return ["a", "b"]


@task
def nothing():
    return []


@task
def skips(x=0):
    raise AirflowSkipException("nobody today")


@task
def fails(x=0):
    raise ValueError("on purpose")


def each(name, source, rule="all_done", **further):
    return EmptyOperator.partial(task_id=name, trigger_rule=rule).expand(doc=source, **further)


RULES = [
    *("all_success", "all_failed", "all_done", "all_skipped", "one_failed", "one_success", "one_done"),
    *("none_failed", "none_failed_min_one_success", "none_skipped", "all_done_min_one_success"),
]

with DAG("mapped_over_skipped"):
    good, void, bad = gives(), skips(), fails()
    for rule in RULES:
        each(rule, void, rule) >> EmptyOperator(task_id=f"{rule}_below", trigger_rule="none_failed")
        if rule != "all_skipped":
            # This skips a task of which the other condition says upstream_failed, in no certain order.
            each(f"{rule}_of_bad", bad, rule)
    each("void_and_good", void, doc_md=good)
    each("void_and_bad", void, doc_md=bad)
    each("void_and_literals", void, "none_failed", doc_md=["a", "b"])
    each("bad_and_literals", bad, doc_md=["a", "b"])
    each("zipped", void.zip(good))
    each("filled", void.zip(good, fillvalue=1))
    each("joined", void.concat(good))
    each("bad_joined", good.concat(bad))
    each("changed", void.map(lambda x: x))
    void >> EmptyOperator.partial(task_id="not_over_it", trigger_rule="none_failed").expand(doc=["a", "b"])
    # The skipped one comes first.
    late = fails.override(task_id="late")(good)
    each("first_skipped", void, doc_md=late)
    each("one_success_first_skipped", void, "one_success", doc_md=late)

with DAG("mapped_over_mapped"):
    good, bad = gives(), fails()
    all_void = skips.expand(x=good)
    never = each("never", bad, "all_success")
    void = each("void", skips.override(task_id="nobody")(), "all_success")
    empty = each("empty", nothing(), "all_success")
    bad >> (literal := EmptyOperator.partial(task_id="literal").expand(doc=["a", "b"]))
    for name, source in {
        "all_void": all_void,
        "never": never,
        "void": void,
        "empty": empty,
        "literal": literal,
    }.items():
        returned = getattr(source, "output", source)
        each(f"over_{name}", returned)
        each(f"{name}_joined", returned.concat(good))
        each(f"{name}_and_good", returned, doc_md=good)
        each(f"over_{name}_again", each(f"over_{name}_first", returned).output)

    @task(trigger_rule="all_done")
    def collect(values):
        return list(values)

    collect(all_void)

with DAG("group_over_skipped"):

    @task_group
    def work(x):
        first = EmptyOperator(task_id="first")
        for rule in RULES:
            # Airflow has one record where no instance has failed, and a machine one of each instance.
            if rule != "one_failed":
                EmptyOperator(task_id=rule, trigger_rule=rule) << first

    work.override(group_id="void").expand(x=skips()) >> EmptyOperator(task_id="after", trigger_rule="none_failed")
    work.override(group_id="bad").expand(x=fails()) >> EmptyOperator(task_id="after_bad", trigger_rule="all_done")
    work.override(group_id="none").expand(x=nothing()) >> EmptyOperator(task_id="after_none", trigger_rule="all_done")
    work.override(group_id="good").expand(x=gives()) >> EmptyOperator(task_id="after_good", trigger_rule="all_done")
    gives.override(task_id="other")() >> work.override(group_id="two").expand(
        x=gives.override(task_id="more")().concat(skips.override(task_id="nobody")())
    )

with DAG("group_below_outside"):
    good, void, bad = gives(), skips(), fails()

    @task_group
    def work(x):
        first = EmptyOperator(task_id="first")
        for rule in RULES:
            for name, outside in {"good": good, "void": void, "bad": bad}.items():
                if rule == "one_failed" and name != "bad":
                    continue
                (
                    [first, outside]
                    >> EmptyOperator(task_id=f"{rule}_{name}", trigger_rule=rule)
                    >> EmptyOperator(task_id=f"below_{rule}_{name}", trigger_rule="none_failed")
                )
                if rule != "all_success":
                    outside >> EmptyOperator(task_id=f"alone_{rule}_{name}", trigger_rule=rule)

    work.expand(x=gives.override(task_id="some")()) >> EmptyOperator(task_id="end", trigger_rule="all_done")
    work.override(group_id="none").expand(x=nothing()) >> EmptyOperator(task_id="end_none", trigger_rule="all_done")

with DAG("branch_past_a_producer"):

    @task.branch
    def fork():
        return "plain"

    found, plain = gives(), EmptyOperator(task_id="plain")
    fork() >> [found, plain]
    each("over_it", found, "none_failed") >> EmptyOperator(task_id="end", trigger_rule="none_failed")


@task(trigger_rule="none_failed")
def both(a, b):
    return [a, b]


@task(trigger_rule="all_done")
def shown(values):
    return repr(values if values is None else list(values))


with DAG("arguments_of_skipped"):

    @task(multiple_outputs=True)
    def pair():
        raise AirflowSkipException("neither")

    neither = pair()
    both.override(task_id="of_two_outputs")(neither["a"], neither["b"])
    both.override(task_id="one_of_two", trigger_rule="none_failed_min_one_success")(gives(), skips())

with DAG("expanded_beside_skipped"):
    both.partial(b=skips()).expand(a=gives())

with DAG("expanded_over_filtered"):

    @task
    def some():
        return [1, None, 3]

    @task
    def same(x):
        return x

    found = same.expand(x=some())
    both.partial(b=None).expand(a=found)
    shown(found)

with DAG("group_collected"):

    @task_group
    def work(x):
        @task
        def odd(x):
            if x % 2:
                return x
            raise AirflowSkipException("even")

        return odd(x)

    shown(work.expand(x=[1, 2, 3, 4]))
    shown.override(task_id="of_nothing")(work.override(group_id="void").expand(x=[2, 4]))
