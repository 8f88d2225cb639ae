#!/usr/bin/env bash
# Airflow 3.3.2: what reads the dates of the command line (--logical-date and the like).
# Expected: dates and times, anything else is refused. Seen: "12" is the 12th of this month, and P1D and a/b are taken for
# a length and an interval, which are no moments at all.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2
export AIRFLOW_HOME="$work"
env/bin/python -W ignore - <<'PY'
import pendulum
from airflow.cli.cli_config import parsedate

twelfth, length, interval = map(parsedate, ("12", "P1D", "2026-01-01/2026-01-03"))
print(repr(twelfth), repr(length), repr(interval), sep="\n")
today = pendulum.now("UTC")
assert (twelfth.year, twelfth.month, twelfth.day) == (today.year, today.month, 12)
assert type(length).__name__ == "Duration"
assert type(interval).__name__ == "Interval"
PY
