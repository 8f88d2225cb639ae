#!/usr/bin/env bash
# apache-airflow-task-sdk 1.3.2: an XCom that is a datetime with a fixed offset, datetime.timezone(timedelta(hours=5, minutes=30)).
# Expected: it comes back as it was, or is refused when it is pushed.
# Seen: it is pushed, and whoever pulls it gets "ZoneInfo keys must be normalized relative paths" in its place.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import datetime
import json

from airflow.sdk.serde import deserialize, serialize

india = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
wire = json.loads(json.dumps(serialize(datetime.datetime(2026, 1, 1, tzinfo=india))))
try:
    deserialize(wire)
except ValueError as error:
    print("pushed; pulling raises:", error)
    assert "ZoneInfo keys must be normalized relative paths" in str(error)
else:
    raise AssertionError("it comes back")
PY
