"""DAG code in S3: a DAG folder as one archive, named by its content, so that a worker's image need not have it."""
