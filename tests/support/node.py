"""The judges that run on Node: where they are, and why they are not used where Node is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")
NO_NODE = "no node on the PATH: install nodejs and npm, as .ci/run does, and run `npm ci`"


def package(name: str) -> Path:
    """The folder of an installed package. ``DUCTWORK_NODE_MODULES`` names another place than the checkout's."""
    folder = Path(os.environ.get("DUCTWORK_NODE_MODULES", ROOT / "node_modules")) / name
    assert (folder / "package.json").exists(), f"no {name} in {folder}: run `npm ci`, or set DUCTWORK_NODE_MODULES"
    return folder


def environment(*packages: str) -> dict[str, str]:
    """For a script that requires these packages."""
    places = {str(package(name).parent) for name in packages}
    return {**os.environ, "NODE_PATH": os.pathsep.join(sorted(places)), "TZ": "UTC"}
