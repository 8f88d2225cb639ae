"""``--logical-date`` is read as Airflow's own command line reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

READ = ("2026-01-02", "2026-01-02T03:04", "2026-01-02 03:04:05.5", "20260102", "2026-W01", "2 Jan 2026")
ZONED = ("2026-01-02T03:04Z", "2026-01-02T03:04:05+02:00", "2026-01-02T03:04-05:00")
# There is no such hour, and there are two.
AT_CHANGES = ("2026-03-29T02:30", "2026-10-25T02:30")
REFUSED = ("yesterday", "", "2026-02-30", "1767312000")
# Airflow's parser hands these on, and its commands break.
NO_DATES = ("P1D", "2026-01-01/2026-01-02")

SCRIPT = """
import json, sys
from datetime import timezone
from airflow.cli.cli_parser import get_parser
from ductwork.diagnostics import Diagnostics
from ductwork_airflow.commands.inputs import _logical_date

def airflows(text):
    try:
        return get_parser().parse_args(["dags", "trigger", "d", "--logical-date", text]).logical_date
    except SystemExit:
        return None

def ours(text):
    diagnostics = Diagnostics()
    found = _logical_date(text, diagnostics)
    return None if diagnostics.failed else found

for text in json.loads(sys.argv[1]):
    found = ours(text)
    theirs = airflows(text)
    same = getattr(theirs, "isoformat", None) and hasattr(theirs, "tzinfo")
    utc = theirs.astimezone(timezone.utc).isoformat() if same else None
    print("read", json.dumps([text, utc, found and found.isoformat()]))
"""


@pytest.fixture(scope="module")
def both():
    """What Airflow and what Ductwork make of each text, in UTC."""
    texts = [*READ, *ZONED, *AT_CHANGES, *REFUSED, *NO_DATES]
    environment = {**os.environ, "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Europe/Berlin"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(texts)], capture_output=True, text=True, env=environment, check=True
    )
    found = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("read ")]
    return {text: (theirs, ours) for text, theirs, ours in found}


@pytest.mark.parametrize("text", [*READ, *ZONED, *AT_CHANGES])
def test_a_date_is_the_one_that_airflow_reads(both, text):
    theirs, ours = both[text]
    assert ours == theirs is not None


def test_a_date_without_a_zone_is_in_the_default_one(both):
    assert both["2026-01-02"][1] == "2026-01-01T23:00:00+00:00"
    assert both["2026-01-02T03:04:05+02:00"][1] == "2026-01-02T01:04:05+00:00"


@pytest.mark.parametrize("text", [*REFUSED, *NO_DATES])
def test_what_is_no_date_is_refused(both, text):
    assert both[text] == (None, None)
