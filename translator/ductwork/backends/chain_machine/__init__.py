"""A job chain inside a state machine (`--engine batch`)."""
