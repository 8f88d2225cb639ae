"""What people are shown of a run: its tasks, why they failed, how far it is."""
