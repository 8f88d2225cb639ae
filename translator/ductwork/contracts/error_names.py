"""The names of errors by which workers, state machines and mirrors tell one another what happened."""

from __future__ import annotations

# A worker: Airflow wants another try; Airflow has given up; where it is asked to say so (DUCTWORK_SKIP_FAILS): the task
# was skipped.
RETRY = "Ductwork.Retry"
FAILED = "Ductwork.Failed"
SKIPPED = "Ductwork.Skipped"
# A state machine: the run has failed as Airflow's would; the execution's input is none of a run.
RUN_FAILED = "Ductwork.RunFailed"
INPUT_REFUSED = "Ductwork.InputRefused"
# The machine of a job chain: some jobs have no outcome in the ledger, so that a mirror has to end the run.
RUN_NOT_SETTLED = "Ductwork.RunNotSettled"
# Whoever stops an execution.
STOPPED = "Ductwork.Stopped"
