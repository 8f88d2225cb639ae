"""Setups and teardowns: what each failure does to the work, to the teardown and to the run."""

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, setup, task, teardown


def fine():
    return "fine"


def broken():
    raise RuntimeError("on purpose")


def skipped():
    raise AirflowSkipException("on purpose")


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


def before(does=fine, name="before"):
    return setup(task(task_id=name)(does))()


def work(does=fine, name="work", rule="all_success"):
    return task(task_id=name, trigger_rule=rule)(does)()


def after(does=fine, name="after", fails_run=False):
    return teardown(task(task_id=name)(does), on_failure_fail_dagrun=fails_run)()


def scope(dag_id, first, inside, last, **options):
    with DAG(dag_id):
        opened, closed = before(first), after(last, **options)
        opened >> work(inside) >> closed
        opened >> closed


scope("setup_fails", broken, fine, fine)
scope("setup_skips", skipped, fine, fine)
scope("work_breaks", fine, broken, fine)
scope("teardown_fails", fine, fine, broken)
scope("teardown_fails_the_run", fine, fine, broken, fails_run=True)
scope("teardown_runs_for_the_run", fine, broken, fine, fails_run=True)

with DAG("setup_context"), before() >> after():
    work() >> empty("more")
    work(broken, "breaks")

with DAG("setup_in_a_context_fails"), before(broken) >> after():
    # more has an indirect setup, and a rule that would run it.
    work() >> empty("middle", "all_done") >> empty("more", "all_done")

with DAG("setup_in_a_context_skips"), before(skipped) >> after():
    work() >> empty("middle", "all_done") >> empty("more", "none_failed")

with DAG("setups_two"):
    one, two, last = before(name="one"), before(broken, "two"), after()
    [one, two] >> work() >> last
    one >> last
    two >> last

with DAG("setups_two_teardowns"):
    one, two, job = before(name="one"), before(name="two"), work(broken)
    [one, two] >> job
    job >> after(name="after_one").as_teardown(setups=one)
    job >> after(name="after_two").as_teardown(setups=two)

with DAG("setups_nested"), before(name="outer") >> after(name="outer_end"):
    with before(broken, "inner") >> after(name="inner_end"):
        work()
    work(name="outside")

with DAG("teardown_of_many"), before() >> after():
    jobs = [work(name=f"job{n}") for n in range(3)]
    jobs[0] >> work(broken, "breaks") >> empty("never")
    jobs[1] >> empty("second") >> empty("third")

with DAG("teardown_before_more"):
    first, last = before(), after()
    first >> work(broken) >> last
    first >> last >> empty("later") >> work(name="last_of_all", rule="all_done")

with DAG("setup_alone"):
    before(broken) >> work() >> empty("end", "all_done")

with DAG("teardown_alone"):
    after()
