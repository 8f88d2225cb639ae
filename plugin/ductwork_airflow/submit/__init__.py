"""Submitting a compiled schedule: a job chain job by job, a state machine as one execution."""
