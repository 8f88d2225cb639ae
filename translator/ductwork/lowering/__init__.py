"""A DAG as Airflow has it becomes a workflow."""
