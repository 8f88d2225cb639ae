"""States of the Amazon States Language as Python has them: JSON data with expressions in it, until they are printed."""

from __future__ import annotations

from ductwork.backends.stepfunctions.asl.nodes import Value

State = dict[str, Value]
"""A state by the names of its fields, or a part of one."""
States = dict[str, State]
"""States by name, in reading order."""
