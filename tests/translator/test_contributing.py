"""CONTRIBUTING.md: its rule for a new operator is one file and one golden, and does what the page says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cli_process
import pytest
from asl_requests import environment_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LISTINGS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.S | re.M)


def listings(language):
    return [text for name, text in LISTINGS if name == language]


def files():
    """The files that the page makes, by path: a listing's first line says where it goes."""
    return {text.splitlines()[0].removeprefix("# "): text.partition("\n")[2] for text in listings("python")}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the translator, of which the page's files are to be part."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(
        ROOT / "translator" / "ductwork",
        folder / "translator" / "ductwork",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


def write(checkout, path):
    target = checkout / path
    assert not target.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(files()[path], encoding="utf-8")


def ductwork(checkout, *arguments):
    """``(stdout, stderr)`` of a command that uses the copy."""
    done = cli_process.ductwork(*arguments, cwd=checkout, packages=checkout / "translator")
    assert done.code == 0, done.err
    return done.out, done.err


def shown(listing):
    """The command of a console listing, as arguments of ``ductwork``, and the lines below."""
    command, *lines = listing.splitlines()
    return command.removeprefix("$ ductwork ").split(), lines


def test_the_example_is_one_rule_and_one_golden(checkout):
    dag, rule = files()
    assert (dag, rule) == ("tests/golden/dags/swarm_jobs.py", "translator/ductwork/rules/docker_swarm.py")
    before, after = map(shown, listings("console"))
    write(checkout, dag)
    out, _ = ductwork(checkout, *before[0])
    assert out.splitlines()[1 : 1 + len(before[1])] == before[1]
    write(checkout, rule)
    out, _ = ductwork(checkout, *after[0])
    assert out.splitlines()[1 : 1 + len(after[1])] == after[1]

    out, err = ductwork(checkout, "compile", dag, "-o", "-")
    states = json.loads(out)["States"]
    arguments = states["report"]["Arguments"]
    (wanted,) = map(json.loads, listings("json"))
    definition = arguments["JobDefinition"]
    assert arguments == wanted | {"JobDefinition": definition}
    assert re.fullmatch(r"[\w-]+-[0-9a-f]{8,}", definition)
    assert environment_of(json.loads(out), states["publish"])["DUCTWORK_TASK_ID"] == "publish"
    assert "DW408 [swarm_jobs.publish]" in err
    assert "it needs a manager of a Docker swarm in its reach" in err


def test_the_listings_are_in_the_style_of_the_house(tmp_path):
    for path, text in files().items():
        (tmp_path / Path(path).name).write_text(text, encoding="utf-8")
    ruff = str(Path(sys.executable).with_name("ruff"))
    config = ("--config", str(ROOT / ".ruff.toml"))
    for command in (("check",), ("format", "--check")):
        done = subprocess.run([ruff, *command, "--no-cache", *config, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
