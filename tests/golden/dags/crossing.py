"""An order that is not series-parallel: d follows both a and b, c follows a alone."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("crossing"):
    a, b, c, d, e = (BashOperator(task_id=name, bash_command="true") for name in "abcde")
    a >> [c, d]
    b >> d
    [c, d] >> e
