"""The run that the first state makes of an execution's input, whoever has written that; what it refuses."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from ductwork.backends.stepfunctions import inputs
from ductwork.backends.stepfunctions.asl.printer import code
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonata_eval import evaluate
from jsonata_reference import judged

_CONTEXT = {"Execution": {"StartTime": "2026-02-03T04:05:06.789Z"}}
_LONG = '{"since_us":1764437493415123,"id":1234567890123456789,"x":0.1234567890123456}'


@pytest.fixture(scope="module", autouse=True)
def both_engines():
    """The reference must make the same of every expression that a test here evaluates."""
    with judged():
        yield


def run(**given_input):
    return evaluate(code(inputs.run_values("dag", {})), {"states": {"input": given_input, "context": _CONTEXT}})


def refused(**given_input):
    """Why the second state ends the execution; empty if it does not."""
    made = run(**given_input)
    try:
        assert evaluate(code(inputs.CONF), {"run": made}) == made["conf"]
    except Exception:  # noqa: BLE001 - the library raises whatever Python does
        return evaluate(code(inputs.WHY), {"run": made})
    return ""


DATES = {
    "2026-01-02": "2026-01-02T00:00:00+00:00",
    "2026-01-02T03:04": "2026-01-02T03:04:00+00:00",
    "2026-01-02T03:04:05": "2026-01-02T03:04:05+00:00",
    "2026-01-02T03:04:05.123": "2026-01-02T03:04:05.123000+00:00",
    "2026-01-02T03:04:05.1234567Z": "2026-01-02T03:04:05.123456+00:00",
    "2026-01-02T03:04Z": "2026-01-02T03:04:00+00:00",
    "2026-01-02T03:04+02:00": "2026-01-02T01:04:00+00:00",
    "2026-01-02T03:04-0230": "2026-01-02T05:34:00+00:00",
    "2026-01-02T03:04:05.5+0200": "2026-01-02T01:04:05.500000+00:00",
    "2026-01-02T03:04:05.000Z": "2026-01-02T03:04:05+00:00",
    "2026-01-01T01:30+02:00": "2025-12-31T23:30:00+00:00",
    "2024-02-29T00:00:00-23:59": "2024-02-29T23:59:00+00:00",
}
NO_DATES = [
    *("x", "2026", "2026-1-2", "2026-02-29", "2026-02-31T00:00", "1900-02-29", "2026-13-01", "2026-04-31"),
    *("2026-01-02T24:00", "2026-01-02T03", "2026-01-02 03:04", "2026-01-02T03:04:60", "2026-01-02T03:04+24:00"),
    *("2026-01-02T03:04:05,5", " 2026-01-02", 5, ["2026-01-02"], {"a": 1}, True),
]


@pytest.mark.parametrize("text", DATES)
def test_forms_of_a_date(text):
    made = run(logical_date=text, data_interval_start=text, data_interval_end=text)
    assert {made["logical_date"], made["start"], made["end"]} == {DATES[text]}
    assert (made["id"], refused(logical_date=text)) == (f"scheduled__{DATES[text]}", "")


@pytest.mark.parametrize("value", NO_DATES, ids=str)
def test_what_is_no_date_is_refused(value):
    assert refused(logical_date=value) == f"logical_date {inputs.DATES_MUST}"
    both = refused(data_interval_start="2026-01-02", data_interval_end=value, logical_date=value)
    assert both == f"logical_date, data_interval_end {inputs.DATES_MUST}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.datetimes(datetime(1000, 1, 2), datetime(2999, 12, 30)), st.integers(-1439, 1439))
@example(datetime(2000, 2, 29), -1439)
def test_any_moment_in_any_zone(moment, minutes):
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{moment.isoformat()}{sign}{size // 60:02d}:{size % 60:02d}"
    assert run(logical_date=text)["logical_date"] == datetime.fromisoformat(text).astimezone(timezone.utc).isoformat()


def test_the_text_of_a_conf_is_not_touched():
    assert run(conf=_LONG)["conf"] == _LONG
    assert refused(conf=_LONG) == refused(conf=" {} ") == ""


CONFS = [{}, {"a": [1, 2.5, True, None, "x", 1e300, -123456789012345, {"b": {"c": 0.1}}]}, {"1": 1, "": "é\"'"}]


@pytest.mark.parametrize("conf", CONFS, ids=str)
def test_an_object_is_taken_where_nothing_is_lost(conf):
    assert json.loads(run(conf=conf)["conf"]) == conf
    assert refused(conf=conf) == ""


DIGITS = [1764437493415123, 1234567890123456789, 0.1234567890123456, -1764437493415123, 2**53 + 2, 1.0000000000000002]


@pytest.mark.parametrize("number", DIGITS)
def test_an_object_that_would_lose_digits_is_refused(number):
    deep = number
    for _ in range(60):
        deep = {"a": [deep, 1]}
    assert refused(conf={"n": number}) == refused(conf={"x": "y", "deep": deep}) == inputs.CONF_LOSES


@pytest.mark.parametrize("conf", ["", "nonsense", "[1]", "1", '"{}"', '{"a": 1', "{} {}", 5, True, False, [], [{}], 0])
def test_a_conf_that_is_no_object_is_refused(conf):
    assert refused(conf=conf) == inputs.CONF_MUST


def test_further_values_that_are_refused():
    assert refused(run_id=5) == "run_id must be text"
    assert refused(run_type=["x"], run_id=[1]) == "run_id, run_type must be text"
    assert refused(done="x") == inputs.DONE_MUST
    assert refused(done="x", conf=5) == f"{inputs.CONF_MUST}; {inputs.DONE_MUST}"
    assert refused(done={"a": "success"}, run_id=None, run_type="", logical_date=None, conf=None) == ""


def run_in_partition(**given_input):
    expression = code(inputs.run_values("dag", inputs.partition(), inputs.partition_refused()))
    made = evaluate(expression, {"states": {"input": given_input, "context": _CONTEXT}})
    return made["partition_key"], made["partition_date"], made["refused"]


def test_a_partition():
    assert run_in_partition() == ("", "", "")
    assert run_in_partition(partition_key=None, partition_date=None) == ("", "", "")
    assert run_in_partition(partition_key="k" * 250) == ("k" * 250, "", "")
    dated = run_in_partition(partition_key="2026-03-01", partition_date="2026-03-01T00:00+01:00")
    assert dated == ("2026-03-01", "2026-02-28T23:00:00+00:00", "")


@pytest.mark.parametrize("key", [" ", "k" * 251, 20260301, {"a": 1}, True])
def test_what_is_no_partition_key_is_refused(key):
    assert run_in_partition(partition_key=key)[2] == "partition_key must be text of 1 to 250 characters"


def test_a_partition_date_is_a_date():
    assert run_in_partition(partition_date="March")[1:] == ("", f"partition_date {inputs.DATES_MUST}")


def test_a_run_that_assets_start_has_no_dates_also_when_it_is_restarted():
    expression = code(inputs.run_values("dag", inputs.of_assets(), inputs.of_assets_refused(), by_assets=True))

    def run(**given):
        return evaluate(expression, {"states": {"input": given, "context": _CONTEXT}})

    about = {"asset_events_after": "2026-03-01T00:00:00.000Z", "run_after": "2026-03-01T00:00:07.250Z"}
    run_id = "asset_triggered__2026-03-01T00:00:07.250+00:00_0a1b2c3d"
    started = run(run_id=run_id, run_type="asset_triggered", **about)
    again = run(run_id=run_id, logical_date="", data_interval_start="", data_interval_end="", **about)
    for found in (started, again):
        assert (found["id"], found["type"], found["refused"]) == (run_id, "asset_triggered", "")
        assert (found["logical_date"], found["start"], found["end"]) == ("", "", "")
        assert (found["run_after"], found["asset_events_after"]) == (
            "2026-03-01T00:00:07.250000+00:00",
            about["asset_events_after"],
        )
    by_hand = run(logical_date="2026-03-02")
    assert (by_hand["logical_date"], by_hand["run_after"], by_hand["asset_events_after"]) == (
        *["2026-03-02T00:00:00+00:00"] * 2,
        "",
    )
    assert "run_after must be a date" in run(run_after="soon")["refused"]
