"""What the ledger's table, the stack that all DAGs share and the jobs' log are called where nothing else is said."""

LEDGER_TABLE = "ductwork"
SHARED_STACK = "ductwork"
# Of Batch itself, see https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
JOB_LOG_GROUP = "/aws/batch/job"
