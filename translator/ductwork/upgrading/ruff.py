"""Ruff's rules about Airflow 3, which learn of new removals with each of its releases."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

# Without AIR312, which moves what works where it is.
_RULES = ("check", "--isolated", "--no-cache", "--select", "AIR3", "--ignore", "AIR312", "--fix", "--unsafe-fixes")
_OUTPUT = ("--exit-zero", "--quiet", "--output-format", "concise")


class RuffError(RuntimeError):
    """Ruff has not run; the message is its own."""


def fixed(sources: Mapping[str, str]) -> dict[str, str]:
    """Files as ruff leaves them; one that it cannot parse or settle is as it was.

    :param sources: the text of each file, by any name
    :raises RuffError: it cannot be run
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{number}.py" for number, name in enumerate(sources)}
        for name, file in files.items():
            file.write_bytes(sources[name].encode())
        command = [sys.executable, "-m", "ruff", *_RULES, *_OUTPUT, folder]
        # There, for Python would look for ruff where it is started first, and run what a user has there.
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        told = done.stderr
        if done.returncode:
            raise RuffError(told.strip() or f"exit code {done.returncode}")
        # Ruff says so of files that its fixes would change for ever.
        unsettled = {name for name, file in files.items() if f"{file.name}`" in told}
        return {
            name: sources[name] if name in unsettled else file.read_bytes().decode() for name, file in files.items()
        }
