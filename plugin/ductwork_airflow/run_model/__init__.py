"""A run that AWS carries, as everything else names it: its handle, its request, the clients to reach it."""
