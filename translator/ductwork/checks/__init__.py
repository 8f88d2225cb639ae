"""What this version does not compile."""
