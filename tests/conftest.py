"""Settings of the whole test suite."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
from pathlib import Path

import pytest
from _pytest.runner import pytest_runtest_protocol as run_test
from ductwork.frame_stack import roomy
from ductwork.startup import airflow_imports

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS / "support"))

# Airflow reads these when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", str(Path(tempfile.gettempdir()) / "ductwork-tests-airflow"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
for name in [name for name in os.environ if name.startswith("AIRFLOW__DUCTWORK__")]:
    del os.environ[name]


# Until all is collected: see ductwork.startup.
gc.disable()
with airflow_imports():
    roomy(importlib.import_module)("airflow.sdk")


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run a test as ever, with room for the frames of what it calls."""
    return roomy(run_test)(item, nextitem)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="Write the goldens anew; refused in CI.")
    parser.addoption("--long", action="store_true", help="Run the long checks too: a whole Airflow and the like.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; run with --long")
    if config.getoption("--update-goldens") and os.environ.get("CI"):
        raise pytest.UsageError("goldens are not updated in CI: run pytest --update-goldens yourself and commit them")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests are run with ``--long``; else they are not even listed."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
