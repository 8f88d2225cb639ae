"""What the ledger's table and the stack that all DAGs share are called where nothing else is said."""

LEDGER_TABLE = "ductwork"
SHARED_STACK = "ductwork"
