"""The exit codes by which a worker in a job chain tells AWS Batch what Airflow decided."""

from __future__ import annotations

SUCCEEDED = 0
# The worker could not tell anybody how its task ended.
UNREPORTED = 1
# The environment does not name a task instance.
USAGE = 2
# Another attempt owns the task instance.
SUPERSEDED = 70
# Airflow wants another try.
RETRY = 75
# Airflow has given up: Batch must not try again.
FAILED = 79
