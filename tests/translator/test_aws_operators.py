"""Every operator and sensor of Amazon's provider is in the page that says what it becomes; ``--update-goldens`` writes it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from ductwork.ir import AwsCall
from ductwork.rules import BUILTIN

PAGE = Path(__file__).parents[2] / "docs" / "aws-operators.md"
PROVIDER = "airflow.providers.amazon.aws"
FOLDERS = ("operators", "sensors", "transfers")
# Modules that import what Amazon's provider does not need by itself.
OTHERS_NEEDED = {"transfers": "providers of other systems"}
HEAD = """# Amazon's operators

What becomes of each operator and sensor of Airflow's Amazon provider {version}, in a state machine. *Call*: the machine
calls AWS by itself ([aws-calls.md](aws-calls.md)). *Job*: AWS Batch runs it as a job of its own. *Worker*: Airflow's
own operator runs in a container, which every operator can. What a rule declines with some of its arguments, a worker
does. Nothing is refused. A test compares this page with the installed provider and the rules.

| becomes | operators |
|---|---|
"""


def classes():
    """``{module: names}`` of the operators and sensors that each module defines."""
    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException
    from airflow.sdk import BaseOperator

    found = {}
    for folder in FOLDERS:
        package = importlib.import_module(f"{PROVIDER}.{folder}")
        for info in pkgutil.iter_modules(package.__path__):
            try:
                module = importlib.import_module(f"{PROVIDER}.{folder}.{info.name}")
            except (ImportError, AirflowOptionalProviderFeatureException):
                assert folder in OTHERS_NEEDED, f"{info.name} cannot be imported"
                continue
            names = [
                name
                for name, cls in vars(module).items()
                if inspect.isclass(cls) and issubclass(cls, BaseOperator) and cls.__module__ == module.__name__
            ]
            if names := [name for name in names if "Base" not in name]:
                found[f"{folder}.{info.name}"] = names
    return found


def native():
    """The dotted names of operators that have a rule, with what the rule makes of them."""
    return {
        name: "call" if rule.lower.__module__.endswith("aws_calls") else "job"
        for rule in BUILTIN
        for name in rule.operators
        if name.startswith(f"{PROVIDER}.")
    }


def page():
    version = importlib.import_module("airflow.providers.amazon").__version__
    kinds = native()
    lines = {"call": [], "job": [], "worker": []}
    for module, names in classes().items():
        by_kind = {}
        for name in sorted(names):
            by_kind.setdefault(kinds.get(f"{PROVIDER}.{module}.{name}", "worker"), []).append(name)
        for kind, found in by_kind.items():
            lines[kind] += found
    rows = [f"| {kind}: {len(names)} | {', '.join(names)} |" for kind, names in lines.items()]
    return HEAD.format(version=version) + "\n".join(rows) + "\n"


def test_the_page_lists_every_operator(request):
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), f"see what changed, then: pytest {__file__} --update-goldens"


def test_there_are_operators():
    assert sum(map(len, classes().values())) > 150
    assert {*native()} <= {f"{PROVIDER}.{module}.{name}" for module, names in classes().items() for name in names}


@pytest.mark.parametrize("name", [name for name, kind in native().items() if kind == "call"])
def test_what_is_called_a_call_has_a_golden_that_is_one(name, golden_workflows):
    made = [task.work for workflow in golden_workflows for task in workflow.tasks if task.operator == name]
    assert any(isinstance(work, AwsCall) for work in made), "add a task of it to a DAG in tests/golden/dags"


@pytest.fixture(scope="module")
def golden_workflows():
    from ductwork.compiler import Options, compile_paths

    folder = Path(__file__).parents[1] / "golden" / "dags"
    found = compile_paths([str(path) for path in sorted(folder.glob("aws_*.py"))], Options())
    assert not found.diagnostics.failed
    return found.workflows
