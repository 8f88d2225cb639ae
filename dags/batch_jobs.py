"""Jobs on existing AWS Batch job definitions: Step Functions submits them itself, no worker container runs.

The commands are plain shell, so that the embedded AWS can run them as local processes too.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG(
    dag_id="batch_jobs",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"job_queue": "etl-queue"},
    tags=["example"],
) as dag:
    prepare = BatchOperator(
        task_id="prepare",
        job_name="prepare-{{ ds_nodash }}",
        job_definition="etl-shell:3",
        parameters={"day": "{{ ds }}"},
        container_overrides={
            "command": ["sh", "-c", 'test Ref::day = "$DAY" && echo preparing Ref::day'],
            "environment": [{"name": "DAY", "value": "{{ ds }}"}],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        },
    )
    regions = [
        BatchOperator(
            task_id=f"region_{name}",
            job_name=f"region-{name}",
            job_definition="etl-shell:3",
            container_overrides={"command": ["sh", "-c", f"echo {name}"]},
            submit_job_timeout=600,
            tags={"region": name},
        )
        for name in ("north", "south")
    ]
    done = EmptyOperator(task_id="done")

    prepare >> regions >> done
