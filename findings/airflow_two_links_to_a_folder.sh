#!/usr/bin/env bash
# Airflow 3.3.2 looks for DAG files in a folder in which two symbolic links lead to one other folder, without any circle.
# Expected: the files are found twice, or once. Seen: "Detected recursive loop when walking DAG directory", and nothing of the folder is loaded.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2
export AIRFLOW_HOME="$work"
mkdir -p dags shared
echo 'from airflow.sdk import DAG; DAG("one")' >shared/one.py
ln -s ../shared dags/first
ln -s ../shared dags/second
env/bin/python -W ignore - <<'PY'
from airflow._shared.module_loading.file_discovery import find_path_from_directory

try:
    print(list(find_path_from_directory("dags", ".airflowignore")))
except RuntimeError as error:
    print("RuntimeError:", error)
    assert "recursive loop" in str(error)
else:
    raise AssertionError("both are walked")
PY
