"""The catalogue of diagnostic codes: severity, title, the text that ``ductwork explain CODE`` prints, and its source.

A code keeps its meaning for ever; a code that is no longer used is not given to something else.
"""

from __future__ import annotations

from ductwork.diagnostics.catalogue import deployment, importing, loading, native, running, targets
from ductwork.diagnostics.catalogue.code import Code

CODES: dict[str, Code] = {
    **loading.CODES,
    **deployment.CODES,
    **targets.CODES,
    **native.CODES,
    **running.CODES,
    **importing.CODES,
}
