"""What the ledger has of a DAG whose runs an Express machine of its own starts: updates of assets, or run after run.

The item ``queue`` has ``run_after`` of the last run that was claimed, ``counted`` of all changes, and ``due_run``, the
input of an execution that is not known to have been started. More is in it by what starts the DAG: of updates of
assets see ``contracts/asset_queue.py``; of ``@continuous`` ``last_execution``, the name of the last run's.
"""

from __future__ import annotations

QUEUE_SK = "queue"


def queue_pk(dag_id: str) -> str:
    """The partition key of all that there is of a DAG."""
    return f"run_queue#{dag_id}"
