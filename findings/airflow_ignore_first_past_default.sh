#!/usr/bin/env bash
# Airflow 3.3.2: [scheduler] ignore_first_depends_on_past_by_default, whose documented default is True.
# Expected: a task with depends_on_past that is new in its DAG starts. Seen: nothing reads the option; a DAG file's operators have False
# whatever it says, and such a task waits for a self of yesterday that there never was.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 apache-airflow-providers-standard==1.21.0
export AIRFLOW_HOME="$work" AIRFLOW__SCHEDULER__IGNORE_FIRST_DEPENDS_ON_PAST_BY_DEFAULT=True
env/bin/python -W ignore - <<'PY'
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.configuration import conf
from airflow.serialization.serialized_objects import DagSerialization

with DAG("past") as dag:
    EmptyOperator(task_id="new", depends_on_past=True)
scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict["new"]
option = conf.getboolean("scheduler", "ignore_first_depends_on_past_by_default")
print("option:", option, "task:", scheduled.ignore_first_depends_on_past)
assert option is True
assert scheduled.ignore_first_depends_on_past is False
PY
