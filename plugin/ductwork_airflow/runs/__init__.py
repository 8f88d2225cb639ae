"""A run as a whole: submitted, watched, stopped, restarted, whatever carries it."""
