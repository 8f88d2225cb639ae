"""Airflow's trigger rules at run time, read from the ledger."""
