"""Make a plugins.zip (as MWAA takes it): ``python plugins_zip.py OUT``. Unpacked, it is an Airflow plugins folder.

Airflow puts the folder on ``sys.path``, so both packages are importable from it, and runs every Python file in it as a
plugin. ``.airflowignore`` keeps it from doing that with the packages; one small file hands it the plugin's class.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"ductwork": ROOT / "translator" / "ductwork", "ductwork_airflow": ROOT / "plugin" / "ductwork_airflow"}
PLUGIN = (
    '"""Ductwork, found by Airflow in its plugins folder."""\n\nfrom ductwork_airflow.plugin import DuctworkPlugin\n'
)
# A fixed time, so that the same files make the same archive.
_TIME = (1980, 1, 1, 0, 0, 0)


def contents() -> Iterator[tuple[str, bytes]]:
    yield "ductwork_plugin.py", PLUGIN.encode()
    for package, folder in PACKAGES.items():
        yield f"{package}/.airflowignore", b"*\n"
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (path.suffix == ".py" or path.name == "py.typed"):
                yield f"{package}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def write(out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents():
            archive.writestr(zipfile.ZipInfo(name, _TIME), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
