"""The exit codes by which a worker in a job chain tells AWS Batch what Airflow decided."""

from __future__ import annotations

SUCCEEDED = 0
# Airflow wants another try.
RETRY = 75
# Airflow has given up: Batch must not try again.
FAILED = 79
