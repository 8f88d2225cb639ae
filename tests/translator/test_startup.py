"""What rests while Airflow is imported, each time in a process that has not imported it: the cyclic collector, the
grammar of IRIs. And the collector while JSON is emitted."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
from ductwork.startup import collector_at_rest

PROGRAM = """
import gc, sys
from ductwork.startup import airflow_imports
{before}
try:
    with airflow_imports():
        during = gc.isenabled()
        import {module}
except ImportError:
    pass
print(during, gc.isenabled(), gc.get_freeze_count() > 0)
"""


@pytest.mark.parametrize(
    ("before", "module", "told"),
    [
        ("", "decimal", "False True True"),
        ("", "no_such_module", "False True True"),
        ("sys.modules['airflow'] = sys", "decimal", "True True False"),
        ("gc.disable()", "decimal", "False False False"),
    ],
    ids=["first", "failing", "imported", "disabled"],
)
def test_the_collector_rests_during_the_first_import_only(before, module, told):
    program = PROGRAM.format(before=before, module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told


IRIS = """
import sys
from ductwork.startup import airflow_imports
with airflow_imports():
    import jsonschema
    stood_in = not hasattr(sys.modules["rfc3987_syntax"], "syntax_parser")
before = "rfc3987_syntax" in sys.modules
checker = jsonschema.FormatChecker(["iri", "iri-reference"])
found = [checker.conforms(*each) for each in (("http://bücher.example", "iri"), ("//[", "iri"), ("../ü", "iri-reference"))]
print(stood_in, before, *found, hasattr(sys.modules["rfc3987_syntax"], "syntax_parser"))
"""


def test_the_grammar_of_iris_is_compiled_once_one_is_checked():
    done = subprocess.run([sys.executable, "-c", IRIS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True", "False", "True", "True"]


def test_an_iri_may_be_checked_while_airflow_is_imported():
    program = """
from ductwork.startup import airflow_imports
with airflow_imports():
    import jsonschema
    print(jsonschema.FormatChecker(["iri"]).conforms("no iri", "iri"))
import rfc3987_syntax
print(rfc3987_syntax.is_valid_syntax("iri", "http://x"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def failing_at_rest(seen):
    with collector_at_rest():
        seen.append(gc.isenabled())
        raise KeyError


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_rests_and_goes_on_as_it_was(before):
    seen = []
    (gc.enable if before else gc.disable)()
    try:
        with pytest.raises(KeyError):
            failing_at_rest(seen)
        assert (seen, gc.isenabled()) == ([False], before)
    finally:
        gc.enable()
