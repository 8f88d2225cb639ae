"""Lean regions: parts of which the state data hold only what has not succeeded."""
