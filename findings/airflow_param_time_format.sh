#!/usr/bin/env bash
# Airflow 3.3.2 with jsonschema 4.26.0: Param(..., type="string", format="time").
# Expected: JSON Schema's "time" of today (RFC 3339), which wants an offset: "10:00:00+00:00". Seen: that is refused and "10:00:00" is taken,
# for the checker that Airflow makes goes by the oldest draft, while "date-time" beside it does want an offset.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 jsonschema==4.26.0 rfc3339-validator==0.1.4
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
from airflow.sdk import Param


def taken(value, format):
    try:
        Param(value, type="string", format=format).resolve()
    except Exception:
        return False
    return True


seen = {
    (value, format): taken(value, format)
    for value, format in [
        ("10:00:00", "time"),
        ("10:00:00+00:00", "time"),
        ("2026-01-01T10:00:00", "date-time"),
        ("2026-01-01T10:00:00+00:00", "date-time"),
    ]
}
print(seen)
assert list(seen.values()) == [True, False, False, True]
PY
