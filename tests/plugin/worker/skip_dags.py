"""Tasks that skip others, and tasks that skip themselves."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from airflow.sdk import DAG, TaskGroup, task


class Chooser(BaseBranchOperator):
    def choose_branch(self, context):
        return ["outer.inner", "c"]


def skip_me():
    raise AirflowSkipException("not today")


def empty(*task_ids):
    return [EmptyOperator(task_id=task_id) for task_id in task_ids]


with DAG("skips", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    with TaskGroup("outer"):
        with TaskGroup("inner"):

            @task.branch
            def choose():
                return "outer.inner.left"

            choose() >> empty("left", "right")
        EmptyOperator(task_id="beside")
    with TaskGroup("bare", prefix_group_id=False):
        bare = EmptyOperator(task_id="unprefixed")

    # To a group: its roots are followed, and with them all that lies below them.
    chooser = Chooser(task_id="to_group")
    a, b, c, join = empty("a", "b", "c", "join")
    chooser >> [a, b, c, join, bare]
    with TaskGroup("second") as second:
        one, two = empty("one", "two")
        one >> two
    BranchPythonOperator(task_id="by_function", python_callable=lambda: "second") >> [second, *empty("not_second")]
    with TaskGroup("reached") as reached:
        EmptyOperator(task_id="root") >> EmptyOperator(task_id="leaf")
    after = EmptyOperator(task_id="after_reached")
    past = BranchPythonOperator(task_id="past_the_join", python_callable=lambda: ["reached"])
    past >> [reached, after, *empty("off")]
    reached >> after

    BranchPythonOperator(task_id="nowhere", python_callable=lambda: None) >> empty("n1", "n2")
    BranchPythonOperator(task_id="empty_list", python_callable=lambda: []) >> empty("l1", "l2")
    BranchPythonOperator(task_id="unknown", python_callable=lambda: "no_such_task") >> empty("u1", "u2")

    direct, below = empty("direct", "below")
    ShortCircuitOperator(task_id="cut", python_callable=lambda: False) >> direct >> below
    direct, below = empty("direct2", "below2")
    (
        ShortCircuitOperator(task_id="cut_rules", python_callable=lambda: 0, ignore_downstream_trigger_rules=False)
        >> direct
        >> below
    )
    ShortCircuitOperator(task_id="cut_not", python_callable=lambda: True) >> empty("goes_on")
    torn, down = EmptyOperator(task_id="torn"), EmptyOperator(task_id="down").as_teardown()
    ShortCircuitOperator(task_id="cut_teardown", python_callable=lambda: None) >> torn >> down

    LatestOnlyOperator(task_id="latest") >> empty("only_latest", "only_latest2")
    PythonOperator(task_id="raises_skip", python_callable=skip_me)
    BashOperator(task_id="exit_99", bash_command="exit 99")
    BashOperator(task_id="exit_42", bash_command="exit 42", skip_on_exit_code=[41, 42])
    BashOperator(task_id="exit_1", bash_command="exit 1")
