"""The worker's image, as far as one can see without Docker: what it runs, and the steps that install it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile import Build, context, stages, words
from ductwork.passes.job_definitions import WORKER_COMMAND
from ductwork_airflow.worker import EXIT_USAGE

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "plugin" / "Dockerfile"
IGNORE = ROOT / "plugin" / "Dockerfile.dockerignore"


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint ignore" not in DOCKERFILE.read_text()


def test_it_runs_what_job_definitions_run_and_not_as_root():
    *_, last = stages(DOCKERFILE)
    assert [words(text) for text in last.of("CMD")] == [WORKER_COMMAND]
    assert last.of("ENTRYPOINT") == [], "Batch could not replace it by a container's own command"
    (user,) = last.of("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert last.instructions.index(("USER", user)) > max(
        number for number, (name, _) in enumerate(last.instructions) if name in {"RUN", "COPY"}
    )


def test_the_sources_and_the_secrets_of_the_build_are_in_no_layer_of_it():
    build, last = stages(DOCKERFILE)
    assert [text.split()[0] for text in last.of("COPY")] == ["--from=build"]
    assert all("pip install" not in text or "--mount=type=secret" in text for text in build.of("RUN"))
    assert not re.search(r"(?i)password|token|access_key", DOCKERFILE.read_text())


def test_the_context_has_all_that_is_copied_and_no_repository(tmp_path):
    context(ROOT, IGNORE, tmp_path / "context")
    files = tmp_path / "context"
    build, _ = stages(DOCKERFILE)
    defaults = dict(text.split("=") for text in build.of("ARG"))
    copied = [re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], text).split()[:-1] for text in build.of("COPY")]
    assert [name for names in copied for name in names if not (files / name).exists()] == []
    assert not {".git", ".venv", "tests", "dags"} & {path.name for path in files.iterdir()}


@pytest.mark.long
def test_its_steps_install_a_worker(tmp_path):
    """The stage that builds it, in a folder in the place of /opt; then the command with the last stage's environment."""
    context(ROOT, IGNORE, tmp_path / "context")
    (tmp_path / "context" / "requirements-of-mine.txt").write_text("humanize\n")
    first, last = stages(DOCKERFILE)
    Build(tmp_path, tmp_path / "context", {"REQUIREMENTS": "requirements-of-mine.txt"}).carry_out(first)
    binaries = tmp_path / "opt" / "ductwork" / "bin"
    environment = dict(pair.split("=", 1) for text in last.of("ENV") for pair in text.split())
    environment |= {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "AIRFLOW_HOME": str(tmp_path / "home")}
    done = subprocess.run(WORKER_COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "a worker is started by a compiled schedule" in done.stderr) == (EXIT_USAGE, True)
    check = "import humanize, ductwork_airflow.worker.work"
    assert subprocess.run([binaries / "python", "-c", check], env=environment, check=False).returncode == 0
    assert "moto" not in subprocess.run([binaries / "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert list((tmp_path / "opt").rglob("ductwork_airflow/__pycache__")), "compiled, since its user may not write"
