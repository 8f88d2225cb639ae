"""Custom keys, multiple outputs, pulls by hand, values that are None, do_xcom_push off."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, task


def pushes(ti):
    ti.xcom_push(key="side/key with # and %", value={"deep": [1, {"x": None}]})
    ti.xcom_push(key="again", value=1)
    ti.xcom_push(key="again", value=2)
    return "main"


def pulls(ti):
    return [
        ti.xcom_pull(task_ids="push"),
        ti.xcom_pull(task_ids="push", key="side/key with # and %"),
        ti.xcom_pull(task_ids="push", key="again"),
        ti.xcom_pull(task_ids="push", key="not there"),
        ti.xcom_pull(task_ids=["push", "quiet", "shell"]),
        ti.xcom_pull(task_ids="quiet", default="nothing"),
    ]


with DAG("xcoms"):

    @task(multiple_outputs=True)
    def many():
        return {"left": 1, "right": "two"}

    @task
    def both(left, right):
        return [left, right]

    push = PythonOperator(task_id="push", python_callable=pushes)
    quiet = PythonOperator(task_id="quiet", python_callable=lambda: 5, do_xcom_push=False)
    shell = BashOperator(task_id="shell", bash_command="echo first; echo '{{ ti.xcom_pull(task_ids=\"push\") }}'")
    push >> shell
    [push, quiet, shell] >> PythonOperator(task_id="pull", python_callable=pulls)
    values = many()
    both(values["left"], values["right"])
