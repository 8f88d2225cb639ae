#!/usr/bin/env bash
# apache-airflow-task-sdk 1.3.2: XComs and Variables whose keys have "?" or "#" in them. Airflow's database takes such keys.
# Expected: keys are quoted in the address that the task's process asks. Seen: they are not: what follows "?" or "#" is cut off, so
# a task that asks for the Variable "a?b=c" is given that of "a".
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import httpx
from airflow.sdk.api.client import Client

asked = []


def answer(request):
    asked.append(request.url.path)
    return httpx.Response(200, json={"key": "k", "value": "1"})


client = Client(base_url="http://server", token="", transport=httpx.MockTransport(answer))
for key in ("a?b=c", "a#b"):
    client.variables.get(key)
    client.xcoms.get("dag", "run", "task", key, None)
print(asked)
assert asked == ["/variables/a", "/xcoms/dag/run/task/a"] * 2
PY
