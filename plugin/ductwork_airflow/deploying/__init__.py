"""Stacks of CloudFormation made to be what the DAGs compile to, by change sets, as `aws cloudformation deploy` does."""
