"""What tasks see of their run."""

from datetime import datetime
from functools import cached_property

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, BaseOperator, task

with DAG(
    "context",
    schedule="@daily",
    start_date=datetime(2025, 1, 1),
    params={"who": "world", "n": 3},
    user_defined_macros={"twice": lambda text: text * 2},
):

    @task
    def looks(ds, ts, run_id, logical_date, data_interval_start, data_interval_end, params, dag_run, ti, dag):
        return {
            "ds": ds,
            "ts": ts,
            "run_id": run_id,
            "logical_date": logical_date.isoformat(),
            "interval": [data_interval_start.isoformat(), data_interval_end.isoformat()],
            "params": dict(params),
            "run": [dag_run.run_id, str(dag_run.run_type.value), dict(dag_run.conf or {})],
            "ti": [ti.task_id, ti.dag_id, ti.try_number, ti.map_index, ti.max_tries],
            "dag": dag.dag_id,
        }

    BashOperator(
        task_id="renders",
        bash_command="echo '{{ ds_nodash }} {{ params.who }} {{ twice(\"ab\") }} {{ macros.ds_add(ds, 3) }} $HOME_OF'",
        env={"HOME_OF": "{{ ti.task_id }}"},
        retries=1,
    )
    looks()


class Uploads(BaseOperator):
    """Looks up what its argument names when it runs, under the argument's own name."""

    def __init__(self, target, **kwargs):
        super().__init__(**kwargs)
        self._target_id = target
        self._runs = False

    @cached_property
    def target(self):
        if not self._runs:
            raise LookupError("there is nothing to look it up in before the task runs")
        return f"found {self._target_id}"

    def execute(self, context):
        self._runs = True
        return self.target


with DAG("computed_arguments"):
    Uploads(task_id="up", target="only_on_workers")
