"""Every expression of every golden machine gives what JSONata's reference implementation gives."""

from __future__ import annotations

import pytest
from expression_inputs import expressions, inputs
from golden_machines import machines
from jsonata_reference import disagreements, evaluation
from node import NO_NODE, NODE

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)


def test_all_expressions_of_the_goldens():
    codes = {code for machine in machines().values() for code in expressions(machine)}
    assert len(codes) > 1000
    made = [evaluation(code, bindings) for code in sorted(codes) for bindings in inputs(code, samples=6)]
    well = {one.expression for one in made if one.error is None}
    assert len(well) > 0.95 * len(codes), codes - well
    assert disagreements(made) == []
