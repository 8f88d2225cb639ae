"""Paths that users name."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ductwork.diagnostics.diagnostic import Diagnostics, Origin


def present(paths: Sequence[str], diagnostics: Diagnostics) -> list[str]:
    """The paths that exist; of each other one DW101 says that it does not."""
    for path in paths:
        if not os.path.exists(path):
            what = f"there is no file {path!r}"
            diagnostics.add("DW101", Origin(path), what, "check the spelling and the working directory")
    return [path for path in paths if os.path.exists(path)]
