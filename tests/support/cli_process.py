"""The command line in a child process that is forked from this one, so that Airflow's import is paid for once."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Finished(NamedTuple):
    code: int
    out: str
    err: str


def ductwork(*arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Finished:
    """Run ``ductwork ARGUMENTS`` through its console entry point, with stdout and stderr of its own."""
    # Imported before the fork: every child then has it.
    import airflow.sdk
    import ductwork.frontend.loader

    assert airflow.sdk and ductwork.frontend.loader
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _run(list(map(str, arguments)), out.fileno(), err.fileno(), cwd, env or {})
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return Finished(os.waitstatus_to_exitcode(status), *texts)


def _run(arguments: list[str], out: int, err: int, cwd: Path | None, env: Mapping[str, str]) -> None:
    code = 99
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        os.environ.update(env)
        if cwd is not None:
            os.chdir(cwd)
        sys.argv = ["ductwork", *arguments]
        from ductwork.cli import main

        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - what Python would print and exit with
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
