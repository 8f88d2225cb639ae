"""An operator's own container with Ductwork in its image: the command's exit code and what it hands back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ductwork_airflow.worker.container import main, result, run


@pytest.mark.parametrize(
    ("script", "how", "code", "value"),
    [
        ("echo a; echo b", "last", 0, "b"),
        ("echo 'a  '; echo b >&2", "all", 0, ["a", "b"]),
        ("true", "last", 0, None),
        ("echo a; exit 7", "last", 7, "a"),
        ("kill -9 $$", "last", 137, None),
        ("echo '{\"n\": 1}' > FILE", "FILE", 0, {"n": 1}),
        ("true", "FILE", 0, None),
    ],
)
def test_what_a_command_hands_back(script: str, how: str, code: int, value: object, tmp_path: Path) -> None:
    file = str(tmp_path / "xcom" / "return.json")
    how = how.replace("FILE", file)
    ended, lines = run(["sh", "-c", script.replace("FILE", file)], how)
    assert (ended, result(how, lines)) == (code, value)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no JSON")
    with pytest.raises(ValueError, match="Expecting value"):
        result(str(tmp_path / "x"), [])


def test_a_command_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["/no/such"], "last") == (127, [])
    assert "/no/such" in capsys.readouterr().err


def test_it_must_be_told_which_task_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["true"]) == 2
    assert "DUCTWORK_DAG_ID" in capsys.readouterr().err


def test_signals_reach_the_command() -> None:
    script = "trap 'echo stopped; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    code = f"from ductwork_airflow.worker.container import run; print(run(['sh', '-c', {script!r}], 'last'))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20)[0] == "stopped\n(5, ['ready', 'stopped'])\n"
