#!/usr/bin/env bash
# Airflow 3.3.2: DAG(fail_fast=True) with ok >> fails >> below.
# Expected: the run fails, for a task has failed for good. Seen: the run succeeds. What waits is *skipped*, the failed task is no leaf, and
# a run goes by its leaves. Without fail_fast the same DAG fails ("below" is upstream_failed).
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 apache-airflow-providers-standard==1.21.0
export AIRFLOW_HOME="$work" AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$work/dags"
mkdir dags
cat > dags/failing.py <<'PY'
from airflow.sdk import DAG, task

for fast in (True, False):
    with DAG(f"fail_fast_{fast}", fail_fast=fast):

        @task
        def ok(): ...

        @task
        def fails():
            raise ValueError("for good")

        @task
        def below(): ...

        ok() >> fails() >> below()
PY
env/bin/airflow db migrate >log.txt 2>&1
for fast in True False; do env/bin/airflow dags test "fail_fast_$fast" -f "$work/dags/failing.py" >>log.txt 2>&1 || true; done
env/bin/python - <<'PY'
import sqlite3

found = dict(sqlite3.connect("airflow.db").execute("SELECT dag_id, state FROM dag_run"))
below = dict(sqlite3.connect("airflow.db").execute("SELECT dag_id, state FROM task_instance WHERE task_id = 'below'"))
print("runs:", found, "below:", below)
assert found == {"fail_fast_True": "success", "fail_fast_False": "failed"}
assert below == {"fail_fast_True": "skipped", "fail_fast_False": "upstream_failed"}
PY
