"""Where a reader finds what a diagnostic or a rule rests on.

A source is a page of public documentation, a section of a page in ``docs/``, or a script in ``findings/`` that shows
what was measured. A test checks the form of each, and that pages and sections of ``docs/`` and scripts exist.
"""

from __future__ import annotations

AIRFLOW = "https://airflow.apache.org/docs/apache-airflow/stable"
AMAZON_PROVIDER = "https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable"
DOCKER_PROVIDER = "https://airflow.apache.org/docs/apache-airflow-providers-docker/stable"
KUBERNETES_PROVIDER = "https://airflow.apache.org/docs/apache-airflow-providers-cncf-kubernetes/stable"
STANDARD_PROVIDER = "https://airflow.apache.org/docs/apache-airflow-providers-standard/stable"

BATCH = "https://docs.aws.amazon.com/batch/latest/userguide"
BATCH_API = "https://docs.aws.amazon.com/batch/latest/APIReference"
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"
ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
STEP_FUNCTIONS = "https://docs.aws.amazon.com/step-functions/latest/dg"
STEP_FUNCTIONS_API = "https://docs.aws.amazon.com/step-functions/latest/apireference"

PYTHON = "https://docs.python.org/3"

LOADING_DAGS = f"{AIRFLOW}/core-concepts/dags.html#loading-dags"
TOP_LEVEL_CODE = f"{AIRFLOW}/best-practices.html#top-level-python-code"
JOB_DEFINITION_PARAMETERS = f"{BATCH}/job_definition_parameters.html"

CLOCK = "docs/compiling.md#the-clock-and-chance"
DATES = "docs/compiling.md#dates-of-tasks"
WORK = "docs/compiling.md#work"
DIAGNOSTICS = "docs/compiling.md#diagnostics"
CALLS = "docs/aws-calls.md#what-aws-would-refuse"
IN_A_WORKER = "docs/containers.md#what-stays-airflows-own"
SETTINGS = "docs/deviations.md#settings-that-are-refused-or-not-enforced"
PARTITIONS = "docs/machine-runs.md#partitions"
CHAINS = "docs/job-chains.md#what-a-chain-cannot-do"
SCHEDULES = "docs/schedules.md#what-no-schedule-says"
BACKFILLS = "docs/schedules.md#runs-of-the-past"
SCHEDULE_DOCUMENTS = "docs/schedule-documents.md"
LEDGER = "docs/ledger-and-mirror.md#the-ledger"
SUBMITTING = "docs/submitting.md"
RESTARTS = "docs/submitting.md#restarts"
LOCAL = "docs/local.md"
TASK_CONDITIONS = "docs/scheduler-conditions.md#dependencies-of-a-task-instance-airflowti_depsdeps"
