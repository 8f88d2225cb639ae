"""What a state waits for besides the state before it: joins, limits, the run before."""
