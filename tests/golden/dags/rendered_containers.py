"""Container operators whose arguments are templates of the run's params and conf."""

from datetime import datetime

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, Param

with DAG(
    "rendered_containers",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    params={"table": Param("events", type="string"), "rows": Param(1000, type="integer"), "tags": ["a", "b"]},
):
    pod = KubernetesPodOperator(
        task_id="pod",
        name="load",
        image="registry.example/load:2",
        arguments=[
            "--table={{ params.table }}",
            "--rows={{ params.rows * 2 }}",
            "--since={{ dag_run.conf.get('since', macros.ds_add(ds, -1)) }}",
        ],
        env_vars={"TAGS": "{{ params.tags | join(',') }}"},
        on_finish_action="delete_pod",
        executor_config={"ductwork": {"ignore": ["on_finish_action"]}},
    )
    docker = DockerOperator(
        task_id="docker",
        image="registry.example/report:3",
        command=["report", "{% for tag in params.tags %}{{ tag }} {% endfor %}"],
        environment={"MONTH": "{{ data_interval_end.strftime('%Y-%m') }}"},
        auto_remove="success",
        do_xcom_push=False,
    )
    pod >> docker
