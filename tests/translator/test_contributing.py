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
    made = [*listings("python"), *listings("toml")]
    return {text.splitlines()[0].removeprefix("# "): text.partition("\n")[2] for text in made}


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
    dag, rule, *_ = files()
    assert (dag, rule) == ("tests/golden/dags/swarm_jobs.py", "translator/ductwork/rules/docker_swarm.py")
    before, after, _ = map(shown, listings("console"))
    write(checkout, dag)
    out, _ = ductwork(checkout, *before[0])
    assert out.splitlines()[1 : 1 + len(before[1])] == before[1]
    write(checkout, rule)
    out, _ = ductwork(checkout, *after[0])
    assert out.splitlines()[1 : 1 + len(after[1])] == after[1]

    out, err = ductwork(checkout, "compile", dag, "-o", "-")
    states = json.loads(out)["States"]
    arguments = states["report"]["Arguments"]
    wanted, _ = map(json.loads, listings("json"))
    definition = arguments["JobDefinition"]
    assert arguments == wanted | {"JobDefinition": definition}
    assert re.fullmatch(r"[\w-]+-[0-9a-f]{8,}", definition)
    assert environment_of(json.loads(out), states["publish"])["DUCTWORK_TASK_ID"] == "publish"
    assert "DW408 [swarm_jobs.publish]" in err
    assert "it needs a manager of a Docker swarm in its reach" in err


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """The company's folder, and where its package is installed."""
    folder, installed = tmp_path_factory.mktemp("company"), tmp_path_factory.mktemp("installed")
    for path in files():
        if path.startswith("acme-ductwork/"):
            write(folder, path)
    source = folder / "acme-ductwork"
    # What pip has setuptools do, without a wheel in between: the tests need no index of packages.
    build = ("build_py", "--build-lib", str(installed), "egg_info", "--egg-base", str(installed))
    setup = (sys.executable, "-c", "import setuptools; setuptools.setup()", "--quiet", *build)
    done = subprocess.run(setup, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return source, installed


def test_a_package_of_a_company_brings_a_rule(company):
    """It is found by its entry point."""
    source, installed = company
    ((_, _, explain), (*_, golden)) = (map(shown, listings("console")), listings("json"))
    done = cli_process.ductwork(*explain[0], cwd=source, packages=installed)
    assert (done.code, done.out.splitlines()[1 : 1 + len(explain[1])]) == (0, explain[1]), done.err
    compile_it = re.search(r"`ductwork (compile [^`]*)`", PAGE)[1].split()
    texts = []
    for _ in range(2):
        done = cli_process.ductwork(*compile_it, cwd=source, packages=installed)
        assert done.code == 0, done.err
        texts.append((source / "golden" / "ready.asl.json").read_text(encoding="utf-8"))
    assert texts[0] == texts[1], "a golden that changes by itself is none"
    states = json.loads(texts[0])["States"]
    assert states["announce"]["Arguments"] == json.loads(golden)
    assert states["announce"]["Resource"] == "arn:aws:states:::sqs:sendMessage"
    assert environment_of(json.loads(texts[0]), states["shout"])["DUCTWORK_TASK_ID"] == "shout"


def test_without_the_package_the_operator_has_a_worker(company):
    source, installed = company
    alone = installed.parent / "alone"
    alone.mkdir(exist_ok=True)
    shutil.copy(source / "acme_operators.py", alone)
    done = cli_process.ductwork("explain", "dags/ready.py", cwd=source, packages=alone)
    assert [line.split()[1] for line in done.out.splitlines()[1:3]] == ["worker", "worker"], done.err


def test_the_listings_are_in_the_style_of_the_house(tmp_path):
    for path, text in files().items():
        if path.endswith(".py"):
            (tmp_path / Path(path).name).write_text(text, encoding="utf-8")
    ruff = str(Path(sys.executable).with_name("ruff"))
    config = ("--config", str(ROOT / ".ruff.toml"))
    for command in (("check",), ("format", "--check")):
        done = subprocess.run([ruff, *command, "--no-cache", *config, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
