"""Laws of names and keys: legal, short enough, and different for different ids."""

from __future__ import annotations

import re

import pytest
from ductwork.contracts import ledger, names
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata_eval import evaluate
from workflows import TASK_IDS

RELAXED = settings(max_examples=120, deadline=None, derandomize=True)
IDS = TASK_IDS
RUN_IDS = st.one_of(
    st.text(min_size=1, max_size=250),
    st.sampled_from(["manual__2026-01-01T00:00:00+00:00", "scheduled__2026-01-01T00:00:00+00:00", "a" * 250]),
)
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,80}")


@RELAXED
@given(IDS, IDS, st.sampled_from([128, 119, 40]))
def test_job_names_are_legal(dag_id, task_id, limit):
    name = names.job_name(dag_id, task_id, limit)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)
    assert len(name) <= limit
    assert names.job_name(dag_id, task_id, limit) == name


@RELAXED
@given(IDS, st.lists(IDS, min_size=2, max_size=20, unique=True))
def test_job_names_of_one_dag_differ(dag_id, task_ids):
    assert len({names.job_name(dag_id, task_id) for task_id in task_ids}) == len(task_ids)


@RELAXED
@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=20, unique=True), st.integers(10, 80))
def test_shortened_texts_differ(texts, limit):
    short = [names.shorten(text, limit) for text in texts]
    assert all(len(text) <= limit for text in short)
    assert len(set(short)) == len(texts)
    assert [text for text in texts if len(text) <= limit] == [
        made for made, text in zip(short, texts, strict=True) if len(text) <= limit
    ]


@RELAXED
@given(st.lists(st.tuples(IDS, RUN_IDS), min_size=2, max_size=20, unique=True))
def test_execution_names_are_legal_and_differ(runs):
    made = [names.execution_name(*run) for run in runs]
    assert all(PLAIN.fullmatch(name) for name in made)
    assert len(set(made)) == len(runs)


@RELAXED
@given(st.lists(IDS, min_size=2, max_size=20, unique=True))
def test_state_machine_names_are_legal_and_differ(dag_ids):
    made = [names.state_machine_name(dag_id) for dag_id in dag_ids]
    assert all(PLAIN.fullmatch(name) for name in made)
    assert len(set(made)) == len(dag_ids)


@RELAXED
@given(IDS, RUN_IDS)
def test_the_run_hash_is_what_machines_compute(dag_id, run_id):
    made = evaluate("$substring($hash($text, 'SHA-256'), 0, 8)", {"text": f"{dag_id}#{run_id}"})
    assert made == names.run_hash(dag_id, run_id)


@pytest.mark.parametrize(
    ("dag_id", "task_id", "name"),
    [
        ("dag", "task", "dag-task"),
        ("dag", "a.b", "dag-a_b-" + names.short_hash("dag-a.b")),
        ("_dag", "t", "d_dag-t-" + names.short_hash("_dag-t")),
        ("d", "t" * 126, "d-" + "t" * 126),
        ("d", "t" * 127, "d-" + "t" * 117 + "-" + names.short_hash("d-" + "t" * 127)),
    ],
)
def test_job_names(dag_id, task_id, name):
    assert names.job_name(dag_id, task_id) == name


# ---- keys of the ledger ----


@RELAXED
@given(IDS, st.integers(-1, 10_000))
def test_task_keys_can_be_read_back(task_id, map_index):
    assert ledger.parse_task_sk(ledger.task_sk(task_id, map_index)) == (task_id, map_index)


@RELAXED
@given(IDS, st.text(min_size=1, max_size=30), st.lists(st.integers(-1, 99_999), min_size=2, unique=True))
def test_xcom_keys_sort_as_their_map_indexes(task_id, key, indexes):
    keys = [ledger.xcom_sk(task_id, key, index) for index in indexes]
    assert len(set(keys)) == len(indexes)
    assert [key for _, key in sorted(zip(indexes, keys, strict=True))] == sorted(keys)
    assert all(made.startswith(ledger.xcom_prefix(task_id, key)) for made in keys)


@RELAXED
@given(st.lists(st.tuples(IDS, st.text(min_size=1, max_size=30)), min_size=2, max_size=10, unique=True))
def test_xcom_prefixes_never_cover_one_another(pairs):
    prefixes = [ledger.xcom_prefix(*pair) for pair in pairs]
    assert not [one for one in prefixes for other in prefixes if one is not other and other.startswith(one)]


@RELAXED
@given(
    st.integers(1, 50),
    st.sampled_from(sorted(ledger.STATE_ORDER)),
    st.sampled_from(sorted(ledger.STATE_ORDER)),
)
def test_a_later_try_always_outranks_an_earlier_one(try_number, before, after):
    assert ledger.rank(after, try_number + 1) > ledger.rank(before, try_number)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("scheduled", "queued"),
        ("queued", "running"),
        ("running", "up_for_retry"),
        ("running", "success"),
        ("up_for_retry", "failed"),
        ("deferred", "skipped"),
    ],
)
def test_states_of_one_try_are_ranked(earlier, later):
    assert ledger.rank(earlier, 1) < ledger.rank(later, 1)
