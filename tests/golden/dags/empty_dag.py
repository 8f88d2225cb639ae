"""A DAG without tasks."""

from datetime import datetime

from airflow.sdk import DAG

dag = DAG("empty_dag", schedule=None, start_date=datetime(2026, 1, 1))
