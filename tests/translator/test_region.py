"""The Region goes with every job that Ductwork starts: AWS Batch tells its containers none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asl_requests import run_of, sampled
from compiling import compile_text, document

ALL_JOBS = """
    with DAG("regions", start_date=START, on_success_callback=print, on_failure_callback=print):
        @task(on_failure_callback=print, retries=1)
        def plain(): ...
        @task
        def each(x): ...
        @task(max_active_tis_per_dagrun=1)
        def limited(x): ...
        @task.short_circuit
        def gate(): return True
        @task(trigger_rule="all_done")
        def after(): ...
        plain() >> gate() >> [each.expand(x=[1, 2, 3]), limited.expand(x=list(range(300)))] >> after()
"""
CHAIN = """
    with DAG("regions", start_date=START):
        @task(retries=1)
        def work(): ...
        @task(trigger_rule="all_done")
        def after(): ...
        last = after()
        [work.override(task_id=f"w{n}")() for n in range(25)] >> last
"""
IN_MACHINE, IN_CHAIN = "eu-west-1", "${run:region}"


def variables(made: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The environment of every job in a compiled schedule, with samples for what is known only in a run."""
    return _within(sampled(made, run_of(made)) if "States" in made else made)


def _within(node: Any) -> Iterator[dict[str, str]]:
    if isinstance(node, dict):
        for key, inner in node.items():
            if key.lower() == "containeroverrides":
                listed = inner.get("environment") or inner["Environment"]
                yield {
                    each.get("name") or each["Name"]: each["value"] if "value" in each else each["Value"]
                    for each in listed
                }
            else:
                yield from _within(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _within(inner)


def regions(made: dict[str, Any]) -> set[str | None]:
    return {each.get("AWS_DEFAULT_REGION") for each in variables(made)}


def test_of_the_jobs_of_a_machine(tmp_path: Path) -> None:
    made = document(compile_text(tmp_path, ALL_JOBS))
    kinds = {each.get("DUCTWORK_CALLBACK", "") for each in variables(made)}
    assert kinds == {"", "task", "record", "run"}
    # An iteration of a distributed Map has the run's values under another name.
    assert regions(made) == {IN_MACHINE}


def test_of_the_jobs_of_a_chain(tmp_path: Path) -> None:
    made = document(compile_text(tmp_path, CHAIN, target="batch"))
    assert any("DUCTWORK_JOIN" in each for each in variables(made))
    assert regions(made) == {IN_CHAIN}


def test_of_the_jobs_of_a_chain_in_a_machine(tmp_path: Path) -> None:
    made = document(compile_text(tmp_path, CHAIN, engine="batch"))
    assert {each.get("DUCTWORK_CALLBACK", "") for each in variables(made)} == {"", "settle"}
    assert regions(made) == {IN_MACHINE}


@pytest.mark.parametrize("name", ["AWS_DEFAULT_REGION", "AWS_REGION"])
def test_what_the_author_says_stays(tmp_path: Path, name: str) -> None:
    body = f"""
        with DAG("said", start_date=START):
            @task(executor_config={{"ductwork": {{"environment": {{"{name}": "eu-north-1"}}}}}})
            def work(): ...
            work()
    """
    (found,) = variables(document(compile_text(tmp_path, body)))
    assert found["DUCTWORK_REGION"] == IN_MACHINE
    assert {key: value for key, value in found.items() if key.startswith("AWS_")} == {name: "eu-north-1"}


def test_what_calls_back_has_a_workers_environment_where_no_task_has_a_worker(tmp_path: Path) -> None:
    made = document(
        compile_text(
            tmp_path,
            """
    with DAG("calls_back", start_date=START):
        BatchOperator(task_id="b", job_name="b", job_queue="q", job_definition="d", on_failure_callback=print)
""",
            image="i:1",
        )
    )
    (called,) = [found for found in variables(made) if "DUCTWORK_CALLBACK" in found]
    assert {"DUCTWORK_TASK_ID", "DUCTWORK_RUN_ID", "DUCTWORK_LEDGER_TABLE", "AWS_DEFAULT_REGION"} <= set(called)
