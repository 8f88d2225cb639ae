#!/usr/bin/env bash
# Airflow 3.3.2: conf.getsection() of a section of one's own, for values that look like numbers.
# Expected: the text that the file has, as conf.get() gives it. Seen: "007" becomes the number 7, "1e3" 1000.0 and "True" a boolean.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2
export AIRFLOW_HOME="$work"
printf '[mine]\ncode = 007\nname = 1e3\nflag = True\n' >airflow.cfg
env/bin/python -W ignore - <<'PY'
from airflow.configuration import conf

section = conf.getsection("mine")
print(section, {name: conf.get("mine", name) for name in section})
assert section == {"code": 7, "name": 1000.0, "flag": True}
assert [conf.get("mine", name) for name in ("code", "name", "flag")] == ["007", "1e3", "True"]
PY
