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

    def _enter(self, node: cst.CSTNode) -> None:
        self._passing += 1

    def _leave(self, node: cst.CSTNode) -> None:
        self._passing -= 1

    # What libcst calls.
    visit_Attribute_attr = visit_Arg_keyword = _enter
    leave_Attribute_attr = leave_Arg_keyword = _leave
