"""Batch jobs whose arguments are templates, plain values and texts that need quoting."""

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG, Param

with DAG("batch_templates", schedule="@daily", start_date=datetime(2026, 1, 1), default_args={"job_queue": "etl"}):
    first = BatchOperator(
        task_id="first",
        job_name="first-{{ ds_nodash }}",
        job_definition="etl:3",
        parameters={"day": "{{ ds }}", "at": "{{ ts }}", "run": "{{ dag_run.run_id }}", "plain": "x"},
        container_overrides={
            "command": ["sh", "-c", "echo 'it''s' \"{{ ds }}\" > /tmp/{{ ts_nodash }}"],
            "environment": [{"name": "RUN", "value": "{{ run_id }}"}, {"name": "RAW", "value": "{{ '{% now %}' }}"}],
            "resourceRequirements": [{"type": "VCPU", "value": "0.5"}, {"type": "MEMORY", "value": "1024"}],
        },
        tags={"team": "data"},
        retries=2,
    )
    array = BatchOperator(
        task_id="array",
        job_name="array",
        job_definition="etl:3",
        array_properties={"size": 10},
        retry_strategy={"attempts": 3},
        share_identifier="nightly",
        scheduling_priority_override=7,
        submit_job_timeout=900,
    )
    limited = BatchOperator(
        task_id="limited",
        job_name="limited",
        job_definition="etl:3",
        submit_job_timeout=3600,
        execution_timeout=timedelta(minutes=10, seconds=0.5),
    )
    fire_and_forget = BatchOperator(
        task_id="fire_and_forget",
        job_name="later",
        job_definition="arn:aws:batch:eu-west-1:123456789012:job-definition/etl:3",
        wait_for_completion=False,
        do_xcom_push=False,
    )
    needs_airflow = BatchOperator(
        task_id="needs_airflow", job_name="n", job_definition="etl", parameters={"x": "{{ var.value.x }}"}
    )
    given = BatchOperator(
        task_id="given",
        job_name="given",
        job_definition="etl",
        params={"table": Param("events", type="string"), "full": Param(False, type="boolean")},
        parameters={
            "table": "{{ params.table }}_{{ logical_date.subtract(days=1).strftime('%Y%m') }}",
            "since": "{% if not params.full %}{{ dag_run.conf.get('since', data_interval_start | ds) }}{% endif %}",
        },
    )
    first >> [array, limited, fire_and_forget] >> needs_airflow >> given
