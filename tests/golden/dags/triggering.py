"""Tasks that start runs of other DAGs: the one the file names, and one that depends on the run."""

from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

with DAG("triggering", schedule=None, start_date=datetime(2026, 1, 1)):
    named = TriggerDagRunOperator(task_id="named", trigger_dag_id="second_half", conf={"day": "{{ ds }}"})
    told = TriggerDagRunOperator(
        task_id="told", trigger_dag_id="{{ params.next }}", params={"next": "second_half"}, wait_for_completion=True
    )
    named >> told
