"""Schedule documents."""
