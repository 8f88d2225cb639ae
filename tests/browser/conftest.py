"""A real browser before a real Airflow, beside the embedded AWS: ``make browser``.

Playwright's own browsers are not needed: any Chromium that is installed will do (Debian: ``apt install chromium``).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ductwork_airflow.local.standalone import Standalone
from real_airflow import SETTINGS, Airflow, free_port

HERE = Path(__file__).parent
SHOTS = HERE.parents[1] / "build" / "browser"
DELEGATED = {"AIRFLOW__DUCTWORK__DELEGATE_DAGS": ""}  # the tag says it
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 90_000  # milliseconds: a busy machine takes its time


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.long)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make browser")
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(_BROWSERS)}: apt install chromium")
    # Chromium refuses its sandbox to root, which containers and CI often are.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=found, args=flags)


@pytest.fixture(scope="session")
def airflow(browser, tmp_path_factory):
    home = tmp_path_factory.mktemp("browser")
    with Standalone(HERE / "dags", home, free_port(), SETTINGS | DELEGATED) as running:
        yield Airflow(running, home)


@pytest.fixture(scope="session")
def signed_in(browser, airflow):
    """A window in which somebody has signed in; tall, because Airflow draws of a log what is seen of it."""
    page = browser.new_page(base_url=str(airflow.http.base_url), viewport={"width": 1400, "height": 3000})
    page.set_default_timeout(_PATIENCE)
    page.goto("/")
    user, password = airflow.credentials
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.get_by_text("Active Dags").wait_for()
    return page


@pytest.fixture
def page(signed_in, request):
    """The window; what it shows at the test's end is in build/browser."""
    yield signed_in
    SHOTS.mkdir(parents=True, exist_ok=True)
    signed_in.screenshot(path=SHOTS / f"{request.node.name}.png")
