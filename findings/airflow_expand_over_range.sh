#!/usr/bin/env bash
# Airflow 3.3.2: .expand(x=range(2)). A range is a Sequence, so expand() takes it.
# Expected: two instances.
# Seen: the serialized DAG, from which the scheduler makes the instances, has the *text* "range(0, 2)", and the scheduler counts its
# characters: eleven instances. (bytes and deques likewise; str and set are refused by expand() itself.)
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 apache-airflow-providers-standard==1.21.0
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
from airflow.sdk import DAG, task
from airflow.serialization.definitions.mappedoperator import get_mapped_ti_count
from airflow.serialization.serialized_objects import DagSerialization

with DAG("ranges") as dag:

    @task
    def double(x):
        return 2 * x

    double.expand(x=range(2))

scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict["double"]
number = get_mapped_ti_count(scheduled, "any run", session=None)
print("instances:", number)
assert number == len("range(0, 2)") == 11
PY
