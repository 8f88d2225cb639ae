"""The Amazon States Language as text: JSONata, integrations, state data."""
