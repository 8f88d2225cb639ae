"""What ``run --json`` and ``status --json`` show of return values: values, and not the form in which Airflow sends them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections import namedtuple
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pendulum
import pydantic
import pytest
from ductwork_airflow.reporting.report import TaskReport
from ductwork_airflow.reporting.xcom_values import shown

serde = pytest.importorskip("airflow.sdk.serde", reason="Airflow before 3.2 keeps it elsewhere")


class Model(pydantic.BaseModel):
    name: str
    when: datetime
    parts: tuple[int, ...] = ()


@dataclasses.dataclass
class Record:
    name: str
    sizes: tuple[int, ...]


@attrs.define
class Attrs:
    name: str
    day: date


class Own:
    def serialize(self):
        return {"kept": (1, 2)}


class Text:
    def serialize(self):
        return "x" * 1000


class Level(str, Enum):
    LOW = "low"


Point = namedtuple("Point", "x y")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone.utc)

VALUES = [
    (None, None),
    ("text", "text"),
    ({"a": [1, 2.5, True]}, {"a": [1, 2.5, True]}),
    ((1, 2), [1, 2]),
    ({3}, [3]),
    (frozenset({"a"}), ["a"]),
    (Point(1, (2,)), [1, [2]]),
    (MOMENT, "2026-01-02T03:04:05.000678Z"),
    (pendulum.datetime(2026, 7, 2, tz="Europe/Berlin"), "2026-07-02T00:00:00+02:00"),
    (date(2026, 1, 2), "2026-01-02"),
    (timedelta(days=1, hours=2), "P1DT2H"),
    (Decimal("1.50"), "1.5"),  # Airflow sends a number
    (Decimal("3"), "3"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (ZoneInfo("Europe/Berlin"), "Europe/Berlin"),
    (Level.LOW, "low"),
    (Model(name="m", when=MOMENT, parts=(1,)), {"name": "m", "when": "2026-01-02T03:04:05.000678Z", "parts": [1]}),
    (Record("r", (1, 2)), {"name": "r", "sizes": [1, 2]}),
    (Attrs("a", date(2026, 1, 2)), {"name": "a", "day": "2026-01-02"}),
    (Own(), {"kept": [1, 2]}),
    (Text(), f"{__name__}.Text(1,000 characters)"),
    ([{"a": (Record("r", ()), {MOMENT})}], [{"a": [{"name": "r", "sizes": []}, ["2026-01-02T03:04:05.000678Z"]]}]),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_shown_plainly(value, expected):
    wire = json.loads(json.dumps(serde.serialize(value)))
    assert shown(wire) == expected
    report = TaskReport("t", -1, "success", 1, 1.0, None, has_return_value=True, return_value=wire)
    assert json.loads(json.dumps(report.as_json()))["return_value"] == expected


def wire(name, data):
    return {"__classname__": name, "__version__": 1, "__data__": data}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (wire("numpy.nothing", 7), 7),  # that is not installed, or has no such class
        (wire("datetime.datetime", "spoilt"), "spoilt"),
        ({"__classname__": "a user's own key"}, {"__classname__": "a user's own key"}),
    ],
)
def test_what_airflow_cannot_read_is_shown_as_it_is(value, expected):
    assert shown(value) == expected


HOSTILE = """
import sys
from ductwork_airflow.reporting.xcom_values import shown
def wire(name, data):
    return {"__classname__": name, "__version__": 1, "__data__": data}
print(shown([wire("antigravity.Model", {"a": 1}), wire("builtins.tuple", [wire("antigravity.Model", [2])]),
    wire("datetime.datetime", {"timestamp": 0.0, "tz": wire("antigravity.Zone", "UTC")})]))
print("antigravity" in sys.modules)
"""


def test_no_class_that_the_ledger_names_is_imported():
    """Even where Airflow's configuration would let tasks do so."""
    environment = {"AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "*", "BROWSER": "true", "HOME": "/nonexistent"}
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines() == [
        "[{'a': 1}, [[2]], {'timestamp': 0.0, 'tz': 'antigravity.Zone(UTC)'}]",
        "False",
    ]
