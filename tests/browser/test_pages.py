"""What a person sees and presses in Airflow's pages, of DAGs whose tasks run on AWS."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import pytest

_SHOWN = re.compile(r"\d+\n?\s*\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?P<level>[A-Z]+) - (?P<text>.*)")


def press_trigger(page, airflow, dag_id):
    """Press Trigger; the id of the run that it makes."""
    before = runs_of(airflow, dag_id)
    page.goto(f"/dags/{dag_id}")
    page.get_by_test_id("trigger-dag-button").click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    page.get_by_text("Dag Run Triggered").wait_for()
    [made] = runs_of(airflow, dag_id) - before
    return made


def runs_of(airflow, dag_id):
    reply = airflow.http.get(f"/api/v2/dags/{dag_id}/dagRuns")
    return {run["dag_run_id"] for run in reply.json()["dag_runs"]} if reply.is_success else set()


def open_page(page, dag_id, run_id, rest=""):
    page.goto(f"/dags/{dag_id}/runs/{quote(run_id)}{rest}")


def log_lines(page):
    """``(level, text)`` of each line that has a number, a time and a level."""
    page.get_by_text("Log message source details").wait_for()
    rows = page.locator("[data-testid^='virtualized-item-']")
    rows.last.wait_for()
    found = (_SHOWN.match(text.strip()) for text in rows.all_inner_texts())
    return [(line["level"], line["text"]) for line in found if line]


@pytest.fixture(scope="module")
def bad(airflow, signed_in):
    """The run, which has ended, of the DAG that fails twice."""
    run_id = press_trigger(signed_in, airflow, "bad")
    assert airflow.wait("bad", run_id) == "failed"
    return run_id


def test_a_dag_that_does_not_compile_is_an_import_error(page, airflow):
    page.goto("/")
    page.get_by_text("Dag Import Error").click()
    page.get_by_text("refused.py").first.click()
    shown = page.get_by_role("dialog").get_by_text("DW201")
    shown.wait_for()
    assert "must be 0.25, 0.5 or a whole number" in shown.inner_text()
    assert "refused.py:10" in shown.inner_text()
    assert "Traceback" not in shown.inner_text()


def test_trigger_is_pressed_and_the_run_goes_green(page, airflow):
    run_id = press_trigger(page, airflow, "good")
    open_page(page, "good", run_id)
    # Airflow's page looks again by itself. One mark is the run's, one each its two tasks'.
    page.get_by_text("Success", exact=True).nth(2).wait_for(timeout=300_000)
    assert airflow.remote("good", run_id) == {"works": ("success", 1)}


def test_the_log_shows_every_try_and_one_time_a_line(page, airflow, bad):
    open_page(page, "bad", bad, "/tasks/breaks")
    lines = log_lines(page)
    texts = [text for _, text in lines]
    assert ("ERROR", "ValueError: the author's own error") in lines
    tries = [texts.index(f"[task.stdout] about to break, try {number}") for number in (1, 2)]
    tracebacks = [number for number, text in enumerate(texts) if text.startswith("Traceback")]
    assert len(tracebacks) == 2, "one for each try"
    assert tracebacks[0] < tries[1], "a traceback stays with its try"
    assert {level for level, text in lines if text.startswith(("Traceback", 'File "'))} == {"ERROR"}
    assert [text for text in texts if re.match(r"\d{4}-\d\d-\d\d[T ]", text)] == [], "a second time"
    assert not any("None" in text for text in texts if text.startswith("on AWS"))


def test_the_tasks_of_a_run_have_bars_one_after_the_other(page, airflow, bad):
    instances = airflow.instances("bad", bad)
    assert instances["works"]["end_date"] <= instances["breaks"]["start_date"] < instances["breaks"]["end_date"]
    open_page(page, "bad", bad)
    page.get_by_role("button", name="Show Gantt").click()
    places = [f"a[href*='{bad}'][href*='/tasks/{name}']" for name in ("works", "breaks")]
    # The bar is the last link of a task without its name: before it comes its square, beside it the table.
    bars = [page.locator(place).filter(has_not_text=re.compile("[a-z]")).last for place in places]
    for bar in bars:
        bar.wait_for()
    left, right = (bar.bounding_box() for bar in bars)
    assert left["x"] < right["x"] and right["width"] > 0


def test_links_lead_to_the_console(page, airflow, bad):
    open_page(page, "bad", bad, "/tasks/breaks/details")
    items = {item["task_id"]: item for item in airflow.ledger.tasks("bad", bad)}
    job = page.get_by_role("link", name="Batch job").get_attribute("href")
    assert job.endswith(f"#jobs/detail/{items['breaks']['job_id']}")
    execution = page.get_by_role("link", name="Step Functions execution").get_attribute("href")
    assert execution.endswith(quote(airflow.ledger.run("bad", bad)["execution_arn"], safe=""))
    assert "log-events" in page.get_by_role("link", name="CloudWatch logs").get_attribute("href")


@pytest.mark.parametrize(
    ("mark", "state", "after"), [("Success", "success", "success"), ("Failed", "failed", "upstream_failed")]
)
def test_a_mark_ends_the_task_on_aws_and_what_is_below_goes_on_by_it(page, airflow, mark, state, after):
    run_id = press_trigger(page, airflow, "slow")
    deadline = time.monotonic() + 300
    while airflow.remote("slow", run_id).get("sleeps", ("", 0))[0] != "running":
        assert time.monotonic() < deadline, "the task does not begin on AWS"
        time.sleep(1)
    open_page(page, "slow", run_id, "/tasks/sleeps")
    page.get_by_role("button", name="Mark Task Instance as...").click()
    page.get_by_role("menuitem", name=mark).click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    assert airflow.wait("slow", run_id) == state
    airflow.wait_for_remote("slow", run_id)
    assert airflow.remote("slow", run_id) == {"sleeps": (state, 1), "below": (after, 1 if after == "success" else 0)}
    assert airflow.states("slow", run_id) == {"ductwork_submit": "success", "sleeps": state, "below": after}
