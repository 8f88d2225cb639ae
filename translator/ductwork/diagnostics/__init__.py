"""What Ductwork reports about a DAG."""

from ductwork.diagnostics.diagnostic import Diagnostic, Diagnostics, Origin, told
from ductwork.diagnostics.paths import present
from ductwork.diagnostics.severity import Severity

__all__ = ["Diagnostic", "Diagnostics", "Origin", "Severity", "present", "told"]
