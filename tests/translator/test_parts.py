"""The goldens' DAGs, cut into machines of little room: sound, also for judges that are not ours; what a person is told."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from asl_check import problems
from compiling import compile_files, compile_text, only_artefact
from ductwork.backends.stepfunctions import costs, machine
from ductwork.cli.explain import describe
from ductwork.compiler import to_json
from ductwork.contracts import machine_bundle
from ductwork.diagnostics import Diagnostics
from machine_run import run
from node import NO_NODE, NODE, environment
from several_machines import cut

TESTS = Path(__file__).parents[1]
DAGS = sorted((TESTS / "golden" / "dags").glob("*.py"))
LANGUAGE_SERVICE = TESTS / "support" / "language_service.js"


@pytest.fixture(scope="module")
def bundles():
    """By the golden's name its bundle, of machines that may have a bit more than half of what the whole takes."""
    found = {}
    for path in DAGS:
        (workflow,) = compile_files(path).workflows
        size = len(to_json(machine.emit(workflow, Diagnostics())).encode())
        made = machine.emit(workflow, Diagnostics(), limits=replace(costs.AWS, size=size * 11 // 20 + 3_000))
        if made is not None and machine_bundle.read(made)["parts"]:
            found[path.stem] = json.loads(to_json(made))
    return found


def test_the_goldens_are_sound_when_they_are_cut(bundles):
    assert {name: list(map(str, found)) for name, made in bundles.items() if (found := problems(made))} == {}


def test_some_have_joins_mapped_tasks_and_waits_for_slots(bundles):
    parts = {name: json.dumps(made["parts"]) for name, made in bundles.items()}
    for needs in ("$run.joins", '"Type": "Map"', "$run.execution", "$dagrun", "teardown"):
        assert any(needs in text for text in parts.values()), needs
    assert len(parts) > len(DAGS) // 2


@pytest.mark.skipif(NODE is None, reason=NO_NODE)
def test_the_language_service_has_nothing_against_the_machines(bundles):
    texts = [to_json(each) for made in bundles.values() for each in machine_bundle.machines(made)]
    done = subprocess.run(
        [NODE, str(LANGUAGE_SERVICE)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        env=environment("amazon-states-language-service"),
        timeout=120,
        check=True,
    )
    assert [messages for messages in json.loads(done.stdout) if messages] == []


def test_children_know_the_run_before(tmp_path):
    body = """\
        with DAG("case", schedule="@daily", start_date=START):
            past = {"bash_command": "true", "depends_on_past": True}
            first = BashOperator(task_id="first", bash_command="true")
            asks = BashOperator(task_id="asks", ignore_first_depends_on_past=True, **past)
            first >> asks >> [BashOperator(task_id=f"w{n}", **past) for n in range(8)]
        """
    (workflow,) = compile_text(tmp_path, body).workflows
    made = json.loads(to_json(machine.emit(workflow, Diagnostics(), limits=replace(costs.AWS, size=24_000))))
    assert [str(problem) for problem in problems(made)] == []
    texts = list(map(json.dumps, made["parts"].values()))
    assert any("$past" in text for text in texts)
    assert any("$had" in text for text in texts)
    item = made["definition"]["States"]["Start run"]["Arguments"]["Item"]
    assert json.loads(item["past_tasks"]["S"]) == ["asks", *(f"w{n}" for n in range(8))]


def test_children_are_not_handed_a_conf_that_takes_the_whole_input(tmp_path):
    """An input has 256 KiB: what a child is given besides would be too much."""
    body = """\
        with DAG("case", schedule=None, start_date=START):
            tasks = [BashOperator(task_id=f"w{n}", bash_command="true") for n in range(6)]
            tasks[0] >> tasks[1] >> tasks[2:4] >> tasks[4] >> tasks[5]
        """
    made = json.loads(to_json(cut(compile_text(tmp_path, body).workflows[0])))
    conf = json.dumps({"text": "x" * 261_000})
    done = run(made, {f"w{n}": "success" for n in range(6)}, {"run_id": "r", "conf": conf})
    assert (set(done.outcomes.values()), len(done.outcomes)) == ({"success"}, 6)
    assert len(done.children) == len(made["parts"])
    assert all(len(given) < 10_000 for given, _ in done.children.values())


def test_a_thousand_workers_are_several_machines_which_explain_tells(tmp_path):
    body = """\
        with DAG("case", schedule=None, start_date=START):
            for n in range(3000):
                BashOperator(task_id=f"w{n}", bash_command="true")
        """
    compiled = compile_text(tmp_path, body)
    artefact = only_artefact(compiled)
    assert set(artefact.facts) == {f"w{n}" for n in range(3000)}
    assert len(artefact.parts) > 1
    item = artefact.document["definition"]["States"]["Start run"]["Arguments"]["Item"]
    assert item["manifest"] == {"S": artefact.document["manifest"]["id"]}
    assert "tasks" not in item
    assert f"  {len(artefact.parts) + 1} state machines, of which" in describe(compiled.workflows[0], artefact)
    assert machine_bundle.read(json.loads(artefact.text())) == json.loads(artefact.text())
