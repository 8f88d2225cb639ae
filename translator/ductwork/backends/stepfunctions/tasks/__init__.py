"""The states of one task, by what kind of work carries it out."""
