"""State machines in JSONata."""
