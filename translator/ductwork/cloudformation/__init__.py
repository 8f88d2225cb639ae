"""CloudFormation templates: one that all DAGs share, one for each DAG. Pure: nothing here calls AWS."""
