"""The order of tasks, and the layout of states made of it."""
