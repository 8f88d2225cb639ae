"""Which names of a file are variables."""

from __future__ import annotations

import libcst as cst


class TellsVariables:
    """Part of a visitor of libcst: whether the name that is visited is a variable.

    It is none as the name of an attribute (``a.NAME``) or of an argument (``f(NAME=1)``).
    """

    _passing = 0

    @property
    def at_variable(self) -> bool:
        """Whether the name that is being visited is one."""
        return not self._passing

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self._passing += 1

    def leave_Attribute_attr(self, node: cst.Attribute) -> None:
        self._passing -= 1

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        self._passing += 1

    def leave_Arg_keyword(self, node: cst.Arg) -> None:
        self._passing -= 1
