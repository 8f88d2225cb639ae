"""Chains of AWS Batch jobs."""
