"""The commands of README.md work as they are printed, from the root of a fresh checkout."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.search(r"^```\n(ductwork compile .*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
LINES = [line.partition("#")[::2] for line in BLOCK[1].splitlines()]
# What needs an account is printed with "...", and tested in tests/functional/test_remote.py and tests/deploying.
LOCAL = [(shlex.split(command), comment) for command, comment in LINES if not {"...", "ARN"} & set(command.split())]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "nightly_load.json", folder / "docs")
    return folder


def test_the_commands_run_one_after_the_other(checkout, shared_ductwork, monkeypatch):
    monkeypatch.chdir(checkout)
    assert {arguments[1] for arguments, _ in LOCAL} >= {
        "compile",
        "import",
        "check",
        "explain",
        "upgrade",
        "run",
        "status",
    }
    for (_, *arguments), comment in LOCAL:
        done = shared_ductwork(*arguments)
        assert done.code == 0, (arguments, done.err)
        for file in re.findall(r"[\w/]+\.\w+\.json", comment):
            assert (checkout / file).exists(), (arguments, file)
