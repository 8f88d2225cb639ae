"""Ductwork's translator: Airflow DAG files in, AWS Step Functions machines and Batch job chains out."""

__version__ = "0.1.0"
