"""The document of a root machine with child machines: read, checked, named by content."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from ductwork.contracts import machine_bundle
from ductwork.contracts.stepfunctions_limits import MACHINE_NAME_LIMIT


def starting(*suffixes: str, comment: str = "") -> dict[str, Any]:
    """A machine that starts children one after the other, in a branch."""
    states = {
        name: {
            "Type": "Task",
            "Resource": machine_bundle.START,
            "Arguments": {
                "StateMachineArn": f"{{% $run.parts & '{name}' %}}",
                "Name": f"{{% $substring($hash($states.context.Execution.Name), 0, 8) & '-{name}' %}}",
                "Input": {"run": "{% $run %}", "data": {"said": f"'{name}'"}},
            },
            "Next": "End",
        }
        for name in suffixes
    }
    branch = {"StartAt": next(iter(states), "End"), "States": {**states, "End": {"Type": "Succeed"}}}
    return {"Comment": comment, "States": {"All": {"Type": "Parallel", "Branches": [branch], "End": True}}}


def nested(comment: str = "") -> machine_bundle.MachineBundle:
    """A root with two children, the first of which has one of its own."""
    inner = starting(comment=comment)
    inner_name = machine_bundle.suffix(1, inner)
    outer, other = starting(inner_name), starting(comment="other")
    names = machine_bundle.suffix(2, outer), machine_bundle.suffix(3, other)
    parts = {inner_name: inner, names[0]: outer, names[1]: other}
    return machine_bundle.bundle(starting(*names), parts, {"a": {}, "b": {"upstream": ["a"]}})


def test_a_plain_definition_has_no_parts() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    found = machine_bundle.read(definition)
    assert (found["definition"], found["parts"], found["manifest"]) == (definition, {}, None)


def test_a_bundle_reads_as_it_was_made() -> None:
    made = nested()
    assert machine_bundle.read(made) == made
    first, second, third = made["parts"]
    assert machine_bundle.children(made["definition"]) == [second, third]
    assert machine_bundle.children(made["parts"][second]) == [first]
    assert machine_bundle.named_by_content(made) == made


def test_the_longest_name_fits() -> None:
    name = machine_bundle.suffix(9999, {})
    assert machine_bundle.ROOT_NAME_LIMIT + 1 + len(name) == MACHINE_NAME_LIMIT


def test_another_content_has_another_name() -> None:
    """All the way up; what merely looks like a name stays."""
    made, changed = nested(), copy.deepcopy(nested())
    first, second, third = made["parts"]
    changed["parts"] = {**changed["parts"], first: starting(comment="filled in")}
    found = machine_bundle.named_by_content(changed)
    assert machine_bundle.read(found) == found
    new_first, new_second, new_third = found["parts"]
    assert new_first == machine_bundle.suffix(1, starting(comment="filled in"))
    assert (new_second, new_third) == (machine_bundle.suffix(2, found["parts"][new_second]), third)
    assert len({first, second, new_first, new_second}) == 4
    assert machine_bundle.children(found["definition"]) == [new_second, third]
    inputs = [state["Arguments"]["Input"] for state in tasks(found["definition"])]
    assert [each["data"]["said"] for each in inputs] == [f"'{second}'", f"'{third}'"]


def tasks(definition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    (branch,) = definition["States"]["All"]["Branches"]
    return [state for state in branch["States"].values() if state["Type"] == "Task"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"ductwork": "machines/2"}, "its form is 'machines/2'"),
        ({"parts": []}, "its parts is missing, or no object"),
        ({"manifest": None}, "its manifest is missing, or no object"),
        ({"manifest": {"id": "0123456789abcdef"}}, "its manifest has no id, or no tasks"),
        ({"parts": {"one": {}}}, "'one' is no name of a part"),
        ({"parts": {}}, "it starts '2-[0-9a-f]{8}', which is none of its parts"),
    ],
)
def test_what_is_no_bundle(changes: Mapping[str, Any], what: str) -> None:
    with pytest.raises(machine_bundle.BundleError, match=what):
        machine_bundle.read({**nested(), **changes})
