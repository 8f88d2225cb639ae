"""Laws of schedule documents: an import loses nothing, and no text of a document is ever code or a template."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from ductwork.diagnostics import Diagnostics
from ductwork.importing import literals
from ductwork.importing.checking import check
from ductwork.importing.source import dag_file
from ductwork.templates import escaped, lower_template
from hypothesis import given, settings
from hypothesis import strategies as st
from schedules import TEXTS, by_name, documents, exported, imported, job, normal, schedule

_VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-9, 10**12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(documents())
def test_a_document_comes_back(tmp_path_factory, document):
    folder = tmp_path_factory.mktemp("schedule")
    text, diagnostics = imported(folder, document)
    assert [str(finding) for finding in diagnostics] == []
    made = exported(folder, text)
    assert by_name(made) == normal(document)
    names = [each["jobName"] for each in made["jobList"]]
    place = {name: number for number, name in enumerate(names)}
    for each in made["jobList"]:
        above = [place[name] for name in each["jobDependencies"]]
        assert above == sorted(above) and all(number < place[each["jobName"]] for number in above)
    # What the compiler wrote comes back to the byte, and gives the same DAG file.
    again, _ = imported(folder, made)
    assert exported(folder, again) == made
    assert imported(folder, exported(folder, again))[0] == again


@settings(max_examples=300, deadline=None)
@given(documents())
def test_a_dag_file_is_what_it_seems(document):
    """Calls of three classes with literals, and the order of tasks: whatever is in the document."""
    diagnostics = Diagnostics()
    module = ast.parse(dag_file(check(document, "case.json", diagnostics)))
    called = {node.func.id for node in ast.walk(module) if isinstance(node, ast.Call)}
    assert called <= {"DAG", "BatchOperator", "SnsNotifier"}
    kinds = {type(node) for node in ast.walk(module) if isinstance(node, (ast.stmt, ast.expr))}
    assert kinds <= {
        *(ast.Expr, ast.ImportFrom, ast.Assign, ast.With),
        *(ast.Call, ast.Constant, ast.Dict, ast.List, ast.Name, ast.BinOp),
    }
    assigned = [node.targets[0].id for node in ast.walk(module) if isinstance(node, ast.Assign)]
    assert len(assigned) == len(set(assigned)) == len(document["jobList"]) + ("TOPIC = " in ast.unparse(module))


@st.composite
def orders(draw):
    """What each of many jobs depends on: long rows, fans, and anything."""
    count = draw(st.integers(1, 60))
    reach, least, most = draw(st.sampled_from([(1, 1, 1), (2, 1, 1), (60, 0, 1), (60, 0, 3)]))
    above = {"j0": []}
    for number in range(1, count):
        near = st.integers(max(0, number - reach), number - 1)
        above[f"j{number}"] = [f"j{up}" for up in draw(st.sets(near, min_size=least, max_size=most))]
    return above


@settings(max_examples=300, deadline=None)
@given(orders())
def test_every_dependency_is_written_once(order):
    document = schedule(*(job(name, *above) for name, above in order.items()))
    module = ast.parse(dag_file(check(document, "case.json", Diagnostics())))
    found = [edge for node in module.body[-1].body if isinstance(node, ast.Expr) for edge in edges(node.value)]
    assert sorted(found) == sorted((up, name) for name, above in order.items() for up in above)


def edges(node):
    """The pairs that ``a >> [b, c]`` and the like make."""
    if isinstance(node, ast.BinOp):
        left = node.left.right if isinstance(node.left, ast.BinOp) else node.left
        yield from edges(node.left)
        yield from ((up, down) for up in names(left) for down in names(node.right))


def names(node):
    return [each.id for each in node.elts] if isinstance(node, ast.List) else [node.id]


@settings(max_examples=300)
@given(_VALUES)
def test_literals_read_back(value):
    text = f"dict(\n{literals.keyword('x', value, '    ')}\n)"
    (keyword,) = ast.parse(text, mode="eval").body.keywords
    assert ast.literal_eval(keyword.value) == value


@settings(max_examples=500)
@given(TEXTS)
def test_escaped_text_renders_to_itself(text):
    assert lower_template(escaped(text)) == text
    operator = BatchOperator(task_id="t", job_name="n", job_queue="q", job_definition="d")
    assert operator.render_template(escaped(text), {}) == text


def test_dag_files_are_formatted(tmp_path):
    """As ``ruff format`` leaves them, with short lines and with long ones."""
    pytest.importorskip("ruff", reason="ruff is not installed: pip install ductwork[dev]")
    wide = [job(f"step-{number}-of-many", **{"parameters": {"x" * number: "y" * 40}}) for number in range(30)]
    last = job("last", *(each["jobName"] for each in wide))
    after = [job(f"After{number}{'Long' * 30}", "last") for number in range(8)]
    chain = [job(f"chain{number}", *[f"chain{number - 1}"] * (number > 0)) for number in range(20)]
    texts = ["it's", 'say "it"', "'\"", "\t\\", "é中" * 20, "{{ x }}" * 20, "a" * 200]
    odd = job(
        "odd", containerOverrides={"command": texts, "environment": [{"name": one, "value": one} for one in texts]}
    )
    text, diagnostics = imported(tmp_path, schedule(*wide, last, *after, *chain, odd, scheduleName='"' * 5))
    assert [str(finding) for finding in diagnostics] == []
    (tmp_path / "made.py").write_text(text, encoding="utf-8")
    for length in ("88", "120"):
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "--line-length", length, "made.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stdout
