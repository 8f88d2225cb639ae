"""``ductwork upgrade``: old DAG files, and the helpers they import, made ready for Airflow 3."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ductwork.cli import output
from ductwork.diagnostics import Diagnostics

if TYPE_CHECKING:
    from ductwork.upgrading import Upgraded

_CLEAN, _ERRORS = 0, 1


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--write", is_flag=True, help="Change the files; else the changes are shown only.")
def upgrade(paths: tuple[str, ...], write: bool) -> int:
    """Change DAG files of Airflow 1 and 2, and the helpers they import, to what Airflow 3 has.

    Shows the changes as a diff; --write makes them. A file that cannot be finished stays as it is.
    """
    output.results()
    if missing := _missing():
        raise click.ClickException(f"upgrade needs {missing}: pip install 'ductwork[upgrade]'")
    output.say("looking at the files, and at what the installed Airflow and its providers have")
    from ductwork.upgrading import upgrade as upgraded
    from ductwork.upgrading.ruff import RuffError

    diagnostics = Diagnostics()
    try:
        files = upgraded(paths, diagnostics)
    except RuffError as error:
        raise click.ClickException(f"ruff cannot be run, so nothing is changed: {error}") from error
    changed = [file for file in files if file.after != file.before]
    for file in changed:
        if write:
            _write(file)
        else:
            output.print_result(_diff(file))
    output.print_diagnostics(diagnostics)
    _summary(files, changed, diagnostics, written=write)
    return _ERRORS if diagnostics.failed else _CLEAN


def _missing() -> str:
    from importlib.util import find_spec

    return " and ".join(package for package in ("libcst", "ruff") if find_spec(package) is None)


def _write(file: Upgraded) -> None:
    """With the encoding, the line ends and the mode that it had; whole, or as it was."""
    import os
    import shutil
    import tokenize

    path = Path(file.path).resolve()
    new = path.with_name(f".{path.name}.upgraded")
    with path.open("rb") as opened:
        encoding, _ = tokenize.detect_encoding(opened.readline)
    try:
        new.write_bytes(file.after.encode(encoding))
        shutil.copymode(path, new)
        os.replace(new, path)
    except (OSError, UnicodeEncodeError) as error:
        new.unlink(missing_ok=True)
        raise click.ClickException(f"cannot write {file.path}: {error}; change its permissions or encoding") from error
    output.say(f"wrote {file.path}")


def _diff(file: Upgraded) -> str:
    before, after = (text.splitlines(keepends=True) for text in (file.before, file.after))
    return "".join(difflib.unified_diff(before, after, f"a/{file.path}", f"b/{file.path}"))


def _summary(
    files: Sequence[Upgraded], changed: Sequence[Upgraded], diagnostics: Diagnostics, *, written: bool
) -> None:
    for file in files:
        for old in file.old:
            if file in changed:
                output.say(f"{file.path}:{old.line}: {old.removed.what}")
    packages = sorted({old.removed.provider for file in changed for old in file.old if old.removed.provider})
    if packages:
        output.say(f"what they import now needs: pip install {' '.join(packages)}")
    left = {finding.origin.file for finding in diagnostics}
    of = f"{len(changed)} of {len(files)} file{'s' if len(files) != 1 else ''}"
    done = f"{of} changed" if written else f"{of} would change; give --write to change them"
    output.say(f"{done}{f'; {len(left)} need a person' if left else ''}")
    if changed and written:
        output.say("next: ductwork check, and docs/upgrading.md for what Airflow 3 does otherwise than Airflow 2")
