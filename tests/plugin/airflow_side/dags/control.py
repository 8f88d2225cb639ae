"""DAGs of Airflow's side: for each remote DAG, target and way of waiting one that submits it."""

import itertools
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG
from ductwork_airflow.operators import SubmitScheduleOperator

REMOTE = str(Path(__file__).parent / "remote.py")


class LostOnFirstTry(SubmitScheduleOperator):
    """Submits, and then the worker is gone: nothing of Airflow's ending of a task happens. What remains is a retry."""

    def execute(self, context):
        if context["ti"].try_number == 1:
            waits, self.wait_for_completion = self.wait_for_completion, False
            super().execute(context)
            self.wait_for_completion = waits
            raise RuntimeError("the worker was lost")
        return super().execute(context)


def control(kind, remote, target, deferrable, operator=SubmitScheduleOperator, connection=None, **arguments):
    way = "deferred" if deferrable else "sync"
    with DAG(f"{kind}_{target}_{way}"):
        operator(
            task_id="submit",
            dag_file=REMOTE,
            remote_dag_id=remote,
            target=target,
            deferrable=deferrable,
            aws_conn_id=connection,
            role_arn="arn:aws:iam::123456789012:role/ductwork-local" if target == "stepfunctions" else None,
            ledger_table="ductwork",
            deployment={"job_queue": "ductwork-local", "job_definition": "ductwork-worker"},
            retry_delay=timedelta(0),
            **arguments,
        )


# Of the DAG bad as several machines, where a test has compiled it.
SEVERAL = Path(__file__).with_name("bad.asl.json")
if SEVERAL.exists():
    with DAG("several"):
        SubmitScheduleOperator(
            task_id="submit",
            artefact=str(SEVERAL),
            remote_dag_id="bad",
            deferrable=True,
            aws_conn_id=None,
            role_arn="arn:aws:iam::123456789012:role/ductwork-local",
            ledger_table="ductwork",
            places={"JobQueue": "ductwork-local", "JobDefinition": "ductwork-worker"},
        )

for target, deferrable in itertools.product(("stepfunctions", "batch"), (False, True)):
    control("good", "good", target, deferrable)
    control("bad", "bad", target, deferrable)
    control("strict", "strict", target, deferrable, conf={"level": "middling"})
    control("lost", "good", target, deferrable, LostOnFirstTry, retries=1)
    control("killed", "long", target, deferrable)
    control("timeout", "long", target, deferrable, execution_timeout=timedelta(seconds=20), retries=1)
    # botocore tries nothing again, so that the operator sees each fault.
    once = {"retries": {"mode": "standard", "total_max_attempts": 1}}
    control("faulty", "long", target, deferrable, connection="rotated", botocore_config=once)
