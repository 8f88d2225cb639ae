"""Runs on this machine, on the embedded AWS."""
