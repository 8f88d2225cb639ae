"""The command line in a child process that is forked from this one, so that Airflow's import is paid for once."""

from __future__ import annotations

import ctypes
import importlib
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


def ductwork(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    as_owner: bool = False,
    packages: Path | None = None,
) -> Finished:
    """Run ``ductwork ARGUMENTS`` through its console entry point, with stdout and stderr of its own.

    :param as_owner: root, too, may do no more with its files than their modes say
    :param packages: a folder of packages that come before those installed; Ductwork itself is imported anew
    """
    # Imported before the fork: every child then has it.
    import airflow.sdk
    import ductwork.frontend.loader

    assert airflow.sdk and ductwork.frontend.loader
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            if as_owner and os.geteuid() == 0:
                _drop_capabilities()
            if packages is not None:
                _look_first_in(packages)
            _run(list(map(str, arguments)), out.fileno(), err.fileno(), cwd, env or {})
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return Finished(os.waitstatus_to_exitcode(status), *texts)


def _drop_capabilities() -> None:
    """Linux lets root read everything for its capabilities, not for its id; Python's own files stay root's to read.

    https://man7.org/linux/man-pages/man2/capset.2.html
    """
    version_3, this_process, none_of_64 = 0x20080522, 0, (0,) * 6
    header, sets = (ctypes.c_uint32 * 2)(version_3, this_process), (ctypes.c_uint32 * 6)(*none_of_64)
    if ctypes.CDLL(None, use_errno=True).capset(header, sets):
        os._exit(98)


def _look_first_in(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == "ductwork"]:
        del sys.modules[name]


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
        from ductwork.cli.main import main

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
