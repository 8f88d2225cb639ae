"""Each patch is needed: moto on its own, in a process without the adapter, still has the defect.

A failure here is good news: moto has mended a defect, and its patch and the line in moto_defects.py can go.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ductwork_airflow.embedded_aws.moto_patches import install

PATCHES = [patch.__name__ for patch in install.patches()]


@pytest.fixture(scope="module")
def defects() -> dict[str, bool]:
    script = Path(__file__).with_name("moto_defects.py")
    reply = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, bool] = json.loads(reply.stdout.splitlines()[-1])
    return found


def test_every_patch_has_a_probe(defects: dict[str, bool]) -> None:
    assert sorted(defects) == sorted(PATCHES)


@pytest.mark.parametrize("name", PATCHES)
def test_moto_still_has_the_defect(defects: dict[str, bool], name: str) -> None:
    assert defects[name], f"moto has mended this defect: remove {name}"


@pytest.mark.parametrize("patch", install.patches(), ids=lambda patch: patch.__name__)
def test_a_patch_says_what_it_mends(patch: object) -> None:
    assert patch.__doc__


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, r"needs moto>=5\.2\.5,<5\.3: pip install 'ductwork\[local\]'"),
        ("5.2.4", "not with moto 5.2.4"),
        ("5.3.0", "not with moto 5.3.0"),
        ("6.0.0.dev1", "not with moto 6.0.0.dev1"),
    ],
)
def test_other_versions_of_moto_are_refused(found: str | None, message: str) -> None:
    with pytest.raises(install.UnsupportedMotoError, match=message):
        install.check_version(found)


@pytest.mark.parametrize("found", ["5.2.5", "5.2.12"])
def test_checked_versions_of_moto_are_taken(found: str) -> None:
    install.check_version(found)
