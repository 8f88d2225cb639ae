"""Mapped tasks and mapped task groups: counting, arrays, Map states."""
