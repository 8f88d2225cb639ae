"""Make a plugins.zip (as MWAA takes it): ``python plugins_zip.py OUT``. Unpacked, it is an Airflow plugins folder.

Airflow puts the folder on ``sys.path``, so both packages are importable from it, and runs every Python file in it as a
plugin. ``.airflowignore`` keeps it from doing that with the packages; one small file hands it the plugin's class.
"""

from __future__ import annotations

import configparser
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"ductwork": ROOT / "translator" / "ductwork", "ductwork_airflow": ROOT / "plugin" / "ductwork_airflow"}
PLUGIN = (
    '"""Ductwork, found by Airflow in its plugins folder."""\n\nfrom ductwork_airflow.plugin import DuctworkPlugin\n'
)
# What pip would leave: by this Airflow finds the policy that the tag needs, and the provider. The plugin is a file of
# the folder.
DIST_INFO = "ductwork-{version}.dist-info"
GROUPS = ("airflow.policy", "apache_airflow_provider")
# A fixed time, so that the same files make the same archive.
_TIME = (1980, 1, 1, 0, 0, 0)


def contents() -> Iterator[tuple[str, bytes]]:
    yield "ductwork_plugin.py", PLUGIN.encode()
    yield from dist_info()
    for package, folder in PACKAGES.items():
        yield f"{package}/.airflowignore", b"*\n"
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (path.suffix == ".py" or path.name == "py.typed"):
                yield f"{package}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def dist_info() -> Iterator[tuple[str, bytes]]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    name, version = setup["metadata"]["name"], setup["metadata"]["version"]
    folder = DIST_INFO.format(version=version)
    yield f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    points = "\n".join(f"[{group}]\n{setup['options.entry_points'][group].strip()}\n" for group in GROUPS)
    yield f"{folder}/entry_points.txt", points.encode()


def write(out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents():
            archive.writestr(zipfile.ZipInfo(name, _TIME), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
