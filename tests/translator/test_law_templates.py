"""A lowered template evaluates, in the machine, to what Airflow renders; what cannot be lowered is never guessed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from functools import cache

import pytest
from ductwork.backends.batch.chain import _rendered
from ductwork.backends.stepfunctions.asl.nodes import Literal
from ductwork.backends.stepfunctions.asl.printer import code, printed
from ductwork.backends.stepfunctions.asl.scope import at_run_time
from ductwork.backends.stepfunctions.run_states import opening
from ductwork.contracts.names import run_hash
from ductwork.diagnostics import Origin
from ductwork.ir import Workflow
from ductwork.ir.snapshot import Opaque
from ductwork.templates import CannotLowerError, lower_template, lower_value
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonata_eval import evaluate, evaluate_leaves

DAG_ID = "it's.a-dag"
RELAXED = settings(max_examples=150, deadline=None, derandomize=True)
DATES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc))
TYPES = st.sampled_from(["manual", "scheduled", "backfill"])


def context(logical_date, run_id):
    """The names a template may use, as Airflow's task runner fills them in."""
    day = logical_date.strftime("%Y-%m-%d")
    values = {"ds": day, "ds_nodash": day.replace("-", ""), "ts": logical_date.isoformat(), "run_id": run_id}
    return {
        **values,
        "ts_nodash": logical_date.strftime("%Y%m%dT%H%M%S"),
        "dag_run": type("DagRun", (), {"run_id": run_id}),
    }


@cache
def _environment():
    from airflow.sdk import DAG

    return DAG("case", schedule=None).get_template_env()


def render(source, values):
    """As BaseOperator renders a text."""
    return _environment().from_string(source).render(values)


def prepared(**execution_input):
    """The variable ``$run`` as the first state of a machine makes it."""
    workflow = Workflow(DAG_ID, Origin("case.py"), "case.py", "/dags", ())
    state = opening(workflow, "Finish run", joins=False)["Prepare run"]
    states = {"input": execution_input, "context": {"Execution": {"StartTime": "2026-02-03T04:05:06.789Z"}}}
    return evaluate_leaves(printed(state["Assign"]), {"states": states})["run"]


NAMES = st.sampled_from(["ds", "ds_nodash", "ts", "ts_nodash", "run_id", "dag_run.run_id"])
# Plain text, without the characters that would open or close a tag.
PLAIN = st.text(st.characters(exclude_characters="{}%#", exclude_categories=["Cs"]), max_size=12)
QUOTED = PLAIN.filter(lambda text: "\\" not in text and "'" not in text).map(lambda text: f"'{text}'")


@st.composite
def tags(draw):
    """One tag with all ways to write space around it."""
    before, after = draw(st.sampled_from(["", " ", "\n"])), draw(st.sampled_from(["", " "]))
    left, right = draw(st.sampled_from(["", "-"])), draw(st.sampled_from(["", "-"]))
    inner = draw(st.one_of(NAMES, QUOTED))
    return draw(
        st.sampled_from(
            [f"{{{{{left}{before or ' '}{inner}{after}{right}}}}}", f"{{#{left}{before}x {after}{right}#}}"]
        )
    )


TEMPLATES = st.lists(st.one_of(tags(), PLAIN), max_size=14).map("".join)


@RELAXED
@given(TEMPLATES, DATES, TYPES)
@example("echo 'it''s' \"{{ ds }}\" \\ {{ ts }}\n", datetime(2026, 1, 1, tzinfo=timezone.utc), "manual")
@example("{{ ds }}\n\n", datetime(2026, 1, 1, tzinfo=timezone.utc), "manual")
@example("'\"{{ run_id }}\"'\t\x00\x1f\u2028", datetime(2026, 1, 1, 2, 3, 4, 5, timezone.utc), "scheduled")
@example("{{ '{% $states.input %}' }}{{ ds }}", datetime(2026, 1, 1, tzinfo=timezone.utc), "manual")
def test_rendering_is_evaluation(source, logical_date, kind):
    run_id = f"{kind}__{logical_date.isoformat()}"
    rendered = render(source, context(logical_date, run_id))
    lowered = printed(at_run_time(lower_template(source)))
    run = prepared(run_id=run_id, logical_date=logical_date.isoformat())
    assert evaluate_leaves(lowered, {"run": run}) == rendered


@RELAXED
@given(TEMPLATES, DATES)
def test_a_job_chain_says_the_same(source, logical_date):
    run_id = f"manual__{logical_date.isoformat()}"
    values = context(logical_date, run_id)
    text = _rendered(lower_template(source))
    for name in ("ds_nodash", "ds", "ts_nodash", "ts", "run_id"):
        text = text.replace(f"${{run:{name}}}", values[name])
    assert text == render(source, values)


@RELAXED
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@example("it's")
@example('"')
@example("\\'\"\\")
@example("{% 1 + 1 %}")
def test_any_text_is_its_own_literal(text):
    assert evaluate(code(Literal(text)), {}) == text
    assert evaluate_leaves(printed(text), {}) == text
    assert evaluate_leaves(printed({"k": [text]}), {}) == {"k": [text]}


@RELAXED
@given(st.lists(st.sampled_from(["{{ ds }}", "-", "{{ run_id }}"]), min_size=1, max_size=300))
def test_long_templates_stay_shallow(parts):
    """JSONata in Step Functions nests about 100 deep."""
    expression = printed(at_run_time(lower_template("".join(parts))))
    assert expression.count(" & ") <= 8


# Of a template of no known task; of one that is known: template_cases.
CANNOT = [
    *("{{ params.x }}", "{{ dag.dag_id }}", "{{ ti.task_id }}", "{{ task_instance_key_str }}"),
    *("{{ prev_ds }}", "{{ conn.x.host }}", "{{ ds.x }}", "{{ ds", "{% raw"),
]


@pytest.mark.parametrize("source", CANNOT)
def test_what_only_airflow_can_evaluate_is_declined(source):
    with pytest.raises(CannotLowerError, match="template"):
        lower_template(f"before {source} after")


@pytest.mark.parametrize(
    ("value", "lowered"),
    [
        ("plain", "plain"),
        ("{% raw %}{{ ds }}{% endraw %}", "{{ ds }}"),
        ("{{ 'x' }}y{# note #}", "xy"),
        (1, 1),
        (None, None),
        ([True, {"{{ ds }}": "kept"}], [True, {"{{ ds }}": "kept"}]),
        # As Jinja renders plain text.
        ("text\n", "text"),
        ("a\r\nb\n\n", "a\nb\n"),
        ("{{ 'x' }}\n", "x"),
    ],
)
def test_values_without_run_values_stay_plain(value, lowered):
    assert lower_value(value) == lowered


def test_objects_are_declined():
    with pytest.raises(CannotLowerError, match="Operator"):
        lower_value(["a", {"b": Opaque("airflow.Operator", "<x>")}])


# ---- the run that the first state makes ----

_STARTED = "2026-02-03T04:05:06.789000+00:00"
_NIGHT = "2026-01-01T00:00:00+00:00"
RUNS = [
    ({}, f"manual__{_STARTED}", "manual", _STARTED),
    ({"logical_date": "2026-01-01T00:00:00Z"}, f"scheduled__{_NIGHT}", "scheduled", _NIGHT),
    ({"logical_date": _NIGHT, "run_type": "manual"}, f"manual__{_NIGHT}", "manual", _NIGHT),
    ({"logical_date": _NIGHT, "run_id": "mine"}, "mine", "manual", _NIGHT),
    ({"run_id": "mine"}, "mine", "manual", _STARTED),
    ({"run_id": f"scheduled__{_NIGHT}", "logical_date": _NIGHT}, f"scheduled__{_NIGHT}", "scheduled", _NIGHT),
    ({"run_id": f"backfill__{_NIGHT}", "logical_date": _NIGHT}, f"backfill__{_NIGHT}", "backfill", _NIGHT),
    ({"run_id": "asset_triggered__x", "logical_date": _NIGHT}, "asset_triggered__x", "asset_triggered", _NIGHT),
    ({"run_id": "scheduled_report"}, "scheduled_report", "manual", _STARTED),
    # Other zones, and dates alone, become UTC, as Airflow makes them.
    ({"logical_date": "2026-01-01T02:30:00+02:30"}, f"scheduled__{_NIGHT}", "scheduled", _NIGHT),
    ({"logical_date": "2026-01-01"}, f"scheduled__{_NIGHT}", "scheduled", _NIGHT),
    ({"run_id": "mine", "run_type": "backfill"}, "mine", "backfill", _STARTED),
]


@pytest.mark.parametrize(("given_input", "run_id", "run_type", "logical_date"), RUNS)
def test_what_the_input_leaves_out_is_filled_in(given_input, run_id, run_type, logical_date):
    run = prepared(**given_input)
    assert int(run.pop("expires")) > 90 * 86400
    assert run == {
        **{"id": run_id, "type": run_type, "logical_date": logical_date, "start": logical_date, "end": logical_date},
        **{"pk": f"run#{DAG_ID}#{run_id}", "hash": run_hash(DAG_ID, run_id), "conf": "{}", "done": {}, "refused": ""},
    }


def test_what_the_input_says_is_kept():
    start, end = (
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=1),
    )
    conf = {"a": [1, "it's"], "b": None}
    run = prepared(data_interval_start="2026-01-01T00:00:00Z", data_interval_end=end.isoformat(), conf=conf)
    assert (run["start"], run["end"]) == (start.isoformat(), end.isoformat())
    assert json.loads(run["conf"]) == conf
