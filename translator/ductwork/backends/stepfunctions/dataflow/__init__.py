"""Which outcomes reach which state, and the conditions that read them."""
