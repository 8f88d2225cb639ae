"""Airflow: its files and objects as plain data. No other room imports it."""
