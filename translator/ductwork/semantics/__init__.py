"""Airflow's scheduling semantics, as data and functions that both packages read."""
