"""How grave a finding is."""

from __future__ import annotations

from enum import Enum


class Severity(str, Enum):
    """An error keeps its DAG from being compiled, the others do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
