"""Keeping the ledger true to what AWS reports of a run.

Workers write their own progress; the mirror adds what only AWS knows: that a job waits in a queue, that its container
died, that the execution broke. One look is a fixed number of calls, and one more for each hundred jobs in flight.
"""
