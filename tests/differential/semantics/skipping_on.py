"""Short circuits, LatestOnly and skips, and what of them passes on to tasks with other rules."""

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk import DAG, setup, task, teardown


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


with DAG("short_circuit"):

    @task.short_circuit
    def closed():
        return False

    @task.short_circuit
    def opened():
        return "go on"

    @task.short_circuit
    def falsy():
        return []

    c = empty("c", "none_failed")
    closed() >> empty("a") >> [empty("b", "all_done"), c]
    c >> empty("d", "one_done")
    opened() >> empty("e") >> empty("f")
    falsy() >> empty("g")
    closed.override(task_id="childless")()

with DAG("short_circuit_keeps_rules"):
    gate = ShortCircuitOperator(task_id="gate", python_callable=lambda: False, ignore_downstream_trigger_rules=False)
    direct = empty("direct", "all_done")
    gate >> direct >> [empty("default"), empty("by_rule", "all_done"), empty("skips", "all_skipped")]

with DAG("short_circuit_far"):

    @task.short_circuit
    def shut():
        return False

    @task
    def other():
        return "other"

    near, side = empty("near"), other()
    shut() >> near >> empty("middle") >> empty("far", "one_success")
    side >> empty("beside")
    [near, side] >> empty("joined", "none_failed_min_one_success") >> empty("end", "all_done")

with DAG("short_circuit_and_teardown"):

    @setup
    def prepare():
        return "ready"

    @teardown
    def clean():
        return "clean"

    @task.short_circuit
    def stops():
        return False

    ready, cleaned = prepare(), clean()
    ready >> stops() >> empty("work") >> cleaned
    ready >> cleaned

with DAG("latest_only", schedule="@daily", catchup=False):
    # A run that somebody starts by hand is always the latest.
    LatestOnlyOperator(task_id="latest") >> empty("work") >> empty("end", "all_done")

with DAG("skips"):

    @task
    def skips():
        raise AirflowSkipException("nothing to do")

    @task(retries=2)
    def skips_at_once():
        raise AirflowSkipException("nothing to do, and no second try")

    @task
    def ran():
        return "ran"

    nothing = skips()
    nothing >> empty("default") >> empty("below", "all_done")
    nothing >> ran.override(task_id="on_skip", trigger_rule="all_skipped")()
    [nothing, ran()] >> ran.override(task_id="min_one", trigger_rule="none_failed_min_one_success")()
    skips_at_once()
    BashOperator(task_id="shell", bash_command="exit 99", retries=1) >> empty("below_shell")
    other_code = BashOperator(task_id="other_code", bash_command="exit 7", skip_on_exit_code=[7, 8])
    other_code >> empty("below_code", "all_done")
