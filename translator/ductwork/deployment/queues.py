"""Where Airflow would run a task: what of its queue and executor becomes a place on AWS, and what cannot."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork import ir
from ductwork.deployment.resolution import NOTHING, OTHER_EXECUTORS
from ductwork.diagnostics import Diagnostics
from ductwork.ir.snapshot import TaskSnapshot

_OWN = "executor_config={'ductwork': {...}}"


def of_queue(task: TaskSnapshot, queues: Mapping[str, str]) -> ir.Deployment:
    """The job queue that stands for the task's queue in Airflow.

    :param queues: job queues by Airflow's queues
    """
    queue = queues.get(task.settings.get("queue") or "")
    return NOTHING if queue is None else ir.Deployment(job_queue=queue)


def check(
    dag_id: str,
    task: ir.Task,
    snapshot: TaskSnapshot,
    placed: ir.Deployment,
    queues: Mapping[str, str],
    diagnostics: Diagnostics,
) -> None:
    """Report what says where a task runs and means nothing to AWS Batch. A task that runs nowhere is passed over.

    :param placed: what its ``executor_config`` says
    """
    if not _has_place(task):
        return

    def report(field: str, what: str, hint: str) -> None:
        diagnostics.add("DW205", task.origin, what, hint, dag_id=dag_id, task_id=task.task_id, field=field)

    queue = snapshot.settings.get("queue")
    if queue and queue not in queues and placed.job_queue is None:
        place = task.deployment.job_queue
        what = f"nothing says which job queue Airflow's queue {queue!r} is, so the task goes to {place}"
        hint = f"say it: AIRFLOW__DUCTWORK__QUEUES={queue}=my-job-queue, or queues in [ductwork] of airflow.cfg"
        report("queue", what, f"{hint}; or give the task a job_queue of its own, {_OWN}")
    if placed is not NOTHING and placed != NOTHING:
        return  # the author has said what AWS is to give the task
    if executor := snapshot.settings.get("executor"):
        report("executor", f"AWS Batch runs the task, not {executor}", f"say what the job is to have: {_OWN}")
    config = snapshot.executor_config if isinstance(snapshot.executor_config, Mapping) else {}
    for key in sorted(OTHER_EXECUTORS & config.keys()):
        if config[key]:
            what = f"{key} is for another executor: its image, resources, variables or machines are not the job's"
            report("executor_config", what, f"say what the job is to have: {_OWN}")


def _has_place(task: ir.Task) -> bool:
    """Whether a container runs that the deployment places: a worker, or one that an operator describes."""
    work = task.work
    return work.has_worker or bool(work.container) or (work.runs_a_job and task.calls_back)
