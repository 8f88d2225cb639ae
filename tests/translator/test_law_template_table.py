"""The table of templates: Airflow's rendering is what the emitted JSONata gives, types included, under both engines."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ductwork.backends.stepfunctions.asl.printer import printed
from ductwork.backends.stepfunctions.asl.python import boxes
from ductwork.backends.stepfunctions.asl.python.dates import DIRECTIVES
from ductwork.backends.stepfunctions.asl.python.functions import NODES
from ductwork.backends.stepfunctions.asl.python.helpers import TOO_LARGE
from ductwork.backends.stepfunctions.asl.python.written import key_of, pulled
from ductwork.backends.stepfunctions.asl.scope import CONF, RUN, at_run_time
from ductwork.ir.expressions import Expr, XCom, inside
from ductwork.ir.functions import DIRECTIVES as TOLD_DIRECTIVES
from ductwork.ir.functions import FUNCTIONS
from ductwork.templates import CannotLowerError, lower_template
from ductwork_airflow.embedded_aws.jsonata.engine import QueryError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jsonata_eval import evaluate_leaves
from jsonata_reference import judged
from template_cases import LOWERED, NOT_LOWERED
from template_oracle import context, rendered, templating, xcoms

SOURCES = [source for sources in LOWERED.values() for source in sources]
UTC = timezone.utc
PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
# What an expression gives where Airflow raises.
RAISED = object()
# What it gives where the run's data are such that a machine cannot say what Python does, and says so: docs/templates.md.
TOLD = object()


@pytest.fixture(scope="module", autouse=True)
def both_engines():
    with judged():
        yield


def run_of(run_id, logical_date, start, end, conf):
    """``$run``, as far as templates read it."""
    text = json.dumps(conf)
    return {
        CONF: evaluate_leaves(printed(boxes.parsed(RUN.field("conf"))), {"run": {"conf": text}}),
        "id": run_id,
        "logical_date": logical_date.isoformat(),
        "start": start.isoformat(),
        "end": end.isoformat(),
        "conf": text,
    }


def fetched(lowered, conf):
    """The variables of the XComs that an expression reads, as the states in front of a task make them."""
    found = xcoms(conf)
    read = {part for part in inside(lowered) if isinstance(part, XCom)} if isinstance(lowered, Expr) else ()
    return {pulled(each).name: json.dumps(found.get((each.task_id, key_of(each)))) for each in read}


def evaluated(source, run):
    lowered = lower_template(source, templating())
    try:
        return evaluate_leaves(printed(at_run_time(lowered)), {"run": run, **fetched(lowered, json.loads(run["conf"]))})
    except QueryError as error:
        return TOLD if "a state machine " in str(error).rpartition("threw an error")[2] else RAISED


def airflows(source, values):
    try:
        return rendered(source, values)
    except Exception:  # noqa: BLE001 -- Jinja's, Python's; all fail the task
        return RAISED


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Co", "Cn"]), max_size=8)
WORDS = st.sampled_from(["x", "X y", "it's", "2026-01-02", "", " a ", "12", "007", "-3", "3.7", "a/b", "null"])
NUMBERS = st.sampled_from(
    [
        0,
        1,
        -1,
        7,
        5,
        10**14,
        10**15,
        12345678901234567,
        0.5,
        1.0,
        -2.5,
        1e-7,
        1e22,
        0.1 + 0.2,
        1e100,
        100.0,
        0.0001,
        0.00001,
    ]
)
SCALARS = st.one_of(WORDS, TEXTS, NUMBERS, st.booleans(), st.none())
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=5,
)
CONFS = st.fixed_dictionaries(
    {},
    optional={
        "day": SCALARS,
        "count": st.one_of(NUMBERS, WORDS),
        "list": st.one_of(st.lists(SCALARS, max_size=3), DATA),
        "deep": st.one_of(st.fixed_dictionaries({}, optional={"a": DATA}), DATA),
        "flag": st.booleans(),
        "name": DATA,
        "text": st.one_of(TEXTS, WORDS),
        "number": st.integers(-(10**6), 10**6),
        "maybe": st.one_of(st.none(), WORDS),
        "empty": DATA,
        "items_": st.one_of(st.lists(SCALARS, max_size=3), DATA),
        "nested": st.one_of(st.dictionaries(WORDS, DATA, max_size=3), DATA),
        "ratio": NUMBERS,
        "whole": NUMBERS,
    },
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
DATES = st.one_of(MOMENTS, MOMENTS.map(lambda date: date.replace(hour=0, minute=0, second=0, microsecond=0)))
SPANS = st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)])
IDS = st.sampled_from(["manual__2026-01-01T00:00:00+00:00", "scheduled__2026-03-01T06:30:00+00:00", "x", "Mine 1"])


def agree(sources, run_id, logical_date, span, conf):
    """Assert that each template renders to what its expression gives."""
    start, end = logical_date, logical_date + span
    values = context(run_id, logical_date, start, end, conf)
    run = run_of(run_id, logical_date, start, end, conf)
    found = {source: (airflows(source, values), evaluated(source, run)) for source in sources}
    wrong = {source: pair for source, pair in found.items() if pair[1] is not TOLD and not same(*pair)}
    assert not wrong, json.dumps(conf)
    return [source for source, (_, ours) in found.items() if ours is TOLD]


def same(one, other):
    return type(one) is type(other) and one == other


DAY = datetime(2026, 1, 31, 13, 5, 9, 120, UTC)
PLAIN = {"day": "2026-01-02", "count": 5, "list": ["a", "b"], "deep": {"a": [1, {"b": "c"}]}, "flag": True}


@pytest.mark.parametrize("conf", [{}, PLAIN], ids=["no conf", "conf"])
@pytest.mark.parametrize("about", LOWERED)
def test_the_templates_of_the_table(about, conf):
    assert agree(LOWERED[about], "manual__2026-01-31T13:05:09.000120+00:00", DAY, timedelta(days=1), conf) == []


PAIR = {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, 2]}


@pytest.mark.parametrize("text", [TOO_LARGE, json.dumps(PAIR), json.dumps({"a": [PAIR]})])
def test_what_a_machine_cannot_read_of_an_xcom_is_an_error_that_says_which(text):
    lowered = lower_template("{{ ti.xcom_pull('made', key='count') }}", templating())
    (xcom,) = {part for part in inside(lowered) if isinstance(part, XCom)}
    with pytest.raises(QueryError, match="a state machine cannot tell what is in the XCom count of made"):
        evaluate_leaves(printed(at_run_time(lowered)), {"run": {}, pulled(xcom).name: text})


def test_a_text_that_looks_like_an_object_is_one():
    lowered = lower_template("{{ ti.xcom_pull('made', key='count') }}", templating())
    (xcom,) = {part for part in inside(lowered) if isinstance(part, XCom)}
    text = json.dumps(json.dumps(PAIR))
    assert evaluate_leaves(printed(at_run_time(lowered)), {"run": {}, pulled(xcom).name: text}) == json.dumps(PAIR)


# A search for a smaller case would evaluate all of it hundreds of times.
RUNS = settings(deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


@settings(RUNS, max_examples=25)
@given(IDS, DATES, SPANS, CONFS, st.lists(st.sampled_from(SOURCES), min_size=25, max_size=25, unique=True))
def test_any_run(run_id, logical_date, span, conf, sources):
    agree(sources, run_id, logical_date, span, conf)


@pytest.mark.long
@settings(RUNS, max_examples=150)
@given(IDS, DATES, SPANS, CONFS)
def test_any_run_at_length(run_id, logical_date, span, conf):
    agree(SOURCES, run_id, logical_date, span, conf)


@pytest.mark.parametrize(("source", "words"), NOT_LOWERED)
def test_what_only_airflow_can_evaluate_is_named(source, words):
    with pytest.raises(CannotLowerError) as raised:
        lower_template(f"before {source} after", templating())
    assert words in str(raised.value)


def test_the_tables_of_functions_are_one():
    assert set(NODES) == set(FUNCTIONS)
    assert DIRECTIVES == TOLD_DIRECTIVES


def test_the_table_is_large():
    assert len(set(SOURCES)) == len(SOURCES) >= 150


def test_the_page_shows_templates_of_the_tables():
    lowered, not_lowered = (rows(part) for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:3])
    assert set(lowered) == set(LOWERED)
    assert {about: set(shown) - set(LOWERED[about]) for about, shown in lowered.items()} == dict.fromkeys(
        LOWERED, set()
    )
    shown = {template for about in not_lowered for template in spans(about)}
    assert shown
    assert shown <= {source for source, _ in NOT_LOWERED}


def rows(section):
    """The first column of a table, and the templates in the second."""
    lines = [line.strip("|").split(" | ", 1) for line in section.splitlines() if line.startswith("| ")][1:]
    return {about.strip(): spans(rest) for about, rest in lines}


def spans(text):
    return re.findall(r"`([{][^`]*)`", text)
