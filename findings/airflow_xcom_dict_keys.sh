#!/usr/bin/env bash
# apache-airflow-task-sdk 1.3.2: dictionaries with keys that are not text, as XComs.
# Expected: JSON's own ways: {True: 1} becomes {"true": 1}, {None: 1} {"null": 1}, and a tuple as a key is refused.
# Seen: every key becomes Python's text of it, tuples included, and comes back as that text; nothing says so.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import json

from airflow.sdk.serde import deserialize, serialize

for value, pulled in [
    ({1: "a"}, {"1": "a"}),
    ({True: 1}, {"True": 1}),
    ({None: 1}, {"None": 1}),
    ({("eu", 2026): 1}, {"('eu', 2026)": 1}),
]:
    seen = deserialize(json.loads(json.dumps(serialize(value))))
    print(value, "->", seen)
    assert seen == pulled
PY
