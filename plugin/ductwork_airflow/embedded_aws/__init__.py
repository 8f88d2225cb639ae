"""AWS on this machine: moto, with what it lacks, and an AWS Batch that runs jobs as processes."""
