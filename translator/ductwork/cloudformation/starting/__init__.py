"""What starts runs from outside, as CloudFormation resources: a REST API, a table of requests, notices of runs' ends.

Pure functions that return resources by logical id. All requests go to one small state machine
(:mod:`.control_machine`), so that they mean the same wherever they come from. No Lambda is among them.
"""
