"""The jobs that carry a chain's tasks, as the claims of whoever submitted them say."""

from __future__ import annotations

from ductwork.contracts.run_item import RunItem, tasks_of

from ductwork_airflow.mirror import batch_jobs
from ductwork_airflow.mirror.task_instances import Instances
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.submit.claims import Claims
from ductwork_airflow.submit.job_lookup import ids_of
from ductwork_airflow.trigger_rules import no_instance


class ChainJobs:
    """The jobs of a chain that have been submitted, as far as the last look found.

    :param run_key: the DAG's id and the run's
    """

    def __init__(self, connection: Connection, run_key: tuple[str, str]) -> None:
        self._aws, self._run_key = connection, run_key
        self._job_id_by_task: dict[str, str] = {}
        self._join_job_ids: list[str] = []
        self._claims_without_job_id: list[tuple[str, str]] = []
        self._round = -1
        self._terminated: set[str] = set()

    @property
    def all_submitted(self) -> bool:
        """Whether all of the run's newest round have been submitted, as far as the last look found."""
        return self._round >= 0

    def of_tasks(self, run: RunItem) -> dict[str, str]:
        """Job ids by task id, in the chain's order. The claims are read until all are known, once per round.

        :param run: the run's item
        """
        number = int(run.get("restarts", 0))
        wanted = no_instance.task_by_job_name(tasks_of(run))
        if self._round != number or len(self._job_id_by_task) < len(wanted):
            of_round = Claims(self._aws.ledger, *self._run_key, round=number)
            claims = of_round.all()
            self._claims_without_job_id = [of_round.place(claim) for claim in claims if of_round.is_unanswered(claim)]
            submitted_claims = [claim for claim in claims if "job_id" in claim and int(claim["round"]) == number]
            self._join_job_ids = [claim["job_id"] for claim in submitted_claims if claim["name"] not in wanted]
            self._job_id_by_task = {
                wanted[claim["name"]]: claim["job_id"] for claim in submitted_claims if claim["name"] in wanted
            }
            # In a restart only what runs again has a job of this round.
            self._round = (
                -1 if run.get("restart") or (not number and len(self._job_id_by_task) < len(wanted)) else number
            )
            if self._round == number and number:
                self._job_id_by_task |= {task: "" for task in wanted.values() if task not in self._job_id_by_task}
        return {task: job for task, job in self._job_id_by_task.items() if job}

    def jobs_to_describe(self, run: RunItem, instances: Instances) -> dict[str, str]:
        """Of the jobs that have not ended, by task id, those that may have begun and those that will never begin;
        others while a call has room for them. A job that waits for others needs no call.

        :param run: the run's item
        """
        left = {task: job for task, job in self.of_tasks(run).items() if instances.left(task)}
        if run.get("stopping") or len(left) <= batch_jobs.DESCRIBE_LIMIT:
            return left
        may_have_begun = left.keys() & set(instances.due())
        room = -len(may_have_begun) % batch_jobs.DESCRIBE_LIMIT if may_have_begun else batch_jobs.DESCRIBE_LIMIT
        may_have_begun |= set([task for task in left if task not in may_have_begun][:room])
        return {task: job for task, job in left.items() if task in may_have_begun}

    def terminate(self, run: RunItem, instances: Instances) -> None:
        """End all jobs of a run that is being stopped, each once.

        :param run: the run's item, with the reason
        """
        of_tasks, reason = self.of_tasks(run), run["stopping"]
        for job_id in self._join_job_ids:
            self._end(job_id, reason)
        # The last first, so that nothing starts because what it waited for is gone.
        for task, job_id in reversed(of_tasks.items()):
            if instances.left(task):
                self._end(job_id, reason)
        for queue, name in self._claims_without_job_id:
            for job_id in ids_of(self._aws.batch, queue, name):
                self._end(job_id, reason)

    def _end(self, job_id: str, reason: str) -> None:
        if job_id not in self._terminated:
            self._aws.batch.terminate_job(jobId=job_id, reason=reason)
            self._terminated.add(job_id)
