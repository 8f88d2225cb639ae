"""Where and with what tasks run: the forms of the values, their order of precedence, queues."""
