"""The recorded state machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDENS = Path(__file__).parents[1] / "golden"


def texts() -> dict[str, str]:
    """File name -> the machine as JSON, of all machines of both engines."""
    files = sorted([*GOLDENS.glob("*.asl.json"), *GOLDENS.glob("*.engine.json")])
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def machines() -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in texts().items()}
