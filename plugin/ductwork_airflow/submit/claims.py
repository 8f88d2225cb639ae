"""Claims of a job chain's jobs in the ledger: who submits which job, in which round.

A claim is written before its job is submitted, with all that a later round needs to submit the job again. A claim
without a job id belongs to its owner until the lease is over; then somebody else may take it, by a conditional write.
The owner renews it before it sends a job once more.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ductwork import ledger_schema as schema
from ductwork import names

from ductwork_airflow.ledger import Item, Ledger, expiry

_PREFIX = "job#"


@dataclass(frozen=True)
class Job:
    """One job of a chain.

    :param above: names of the jobs it depends on
    :param submit: the SubmitJob request, but for ``dependsOn``, with the values of the run filled in
    :param position: its place in the chain's topological order
    :param group: of an array: what it depends on in the same group, it depends on child by child
    """

    name: str
    above: tuple[str, ...]
    submit: Mapping[str, Any]
    position: int
    group: str = ""

    @classmethod
    def of_claim(cls, claim: Item) -> Job:
        request, position = json.loads(claim["submit"]), int(claim["position"])
        return cls(claim["name"], tuple(claim["above"]), request, position, claim.get("group", ""))


@dataclass
class Claims:
    """The claims of one run, for one round of submissions.

    :param round: 0 for the first submission of a run, then one more for each restart
    :param owner: of the claims made here
    """

    ledger: Ledger
    dag_id: str
    run_id: str
    round: int = 0
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def _pk(self) -> str:
        return schema.run_pk(self.dag_id, self.run_id)

    def all(self) -> list[Item]:
        """Every claim of the run, of whatever round, in the chain's order."""
        return sorted(self.ledger.partition(self._pk, _PREFIX), key=lambda claim: int(claim["position"]))

    def resolved(self) -> dict[str, str]:
        """The ids of the jobs that have been submitted in this round, by name."""
        return {
            claim["name"]: str(claim["job_id"])
            for claim in self.ledger.partition(self._pk, _PREFIX)
            if "job_id" in claim and int(claim["round"]) == self.round
        }

    def job_name(self, job: Job) -> str:
        """The job's name in Batch, which no other job of the account has."""
        suffix = f"-{names.run_hash(self.dag_id, self.run_id)}" + (f"-r{self.round}" if self.round else "")
        return names.shorten(job.submit["jobName"], names.JOB_NAME_LIMIT - len(suffix)) + suffix

    def is_unanswered(self, claim: Item) -> bool:
        """Whether a job may have been made of this round's claim whose id nobody has written."""
        return "job_id" not in claim and "unsent" not in claim and int(claim["round"]) == self.round

    def place(self, claim: Item) -> tuple[str, str]:
        """The queue and the name under which Batch has a claim's job."""
        job = Job.of_claim(claim)
        return job.submit["jobQueue"], self.job_name(job)

    def is_over(self, *, submitted: bool = False) -> str | None:
        """What has become of the run, if nothing more of this round is to be submitted.

        :param submitted: all has been: such a run may have ended by itself
        """
        run = self.ledger.get(self._pk, schema.RUN_SK) or {}
        if int(run.get("restarts", self.round)) != self.round:
            return "was restarted meanwhile"
        if "stopping" in run:
            return f"was stopped ({run['stopping']})"
        return "has ended" if "ended_at" in run and not submitted else None

    def get(self, job: Job) -> Item:
        return self.ledger.get(self._pk, schema.job_sk(job.name)) or {}

    def make(self, job: Job) -> bool:
        """Claim a job for this round. False if it is claimed already."""
        changes = self._new(job, None)
        if self.round:
            # The claim keeps what the job comes after in the whole chain, of which a later restart may run more.
            del changes["above"]
        return self._update(job, changes, "attribute_not_exists(pk) OR #round < :round")

    def shelve(self, job: Job) -> None:
        """Keep the request of a job that is not sent, unless it is claimed: a restart submits it."""
        self._update(job, {**self._new(job, None), "unsent": True}, "attribute_not_exists(pk)")

    def adopt(self, job: Job, job_id: str) -> bool:
        """Write the claim of a job that somebody has submitted without one. False if there is one."""
        return self._update(job, self._new(job, job_id), "attribute_not_exists(pk)")

    def take_over(self, job: Job, seen: Item) -> bool:
        """Take an unresolved claim from its owner. False if it has been resolved or taken meanwhile."""
        condition = "#owner = :seen AND attribute_not_exists(job_id)"
        return self._update(job, self._mine(), condition, {":seen": seen["owner"]})

    def renew(self, job: Job) -> bool:
        """Begin a new lease of an unresolved claim. False if somebody else has taken it."""
        condition = "#owner = :owner AND #round = :round AND attribute_not_exists(job_id)"
        return self._update(job, {**self._mine(), "round": self.round}, condition)

    def resolve(self, job: Job, job_id: str) -> bool:
        """Write a job's id. False if somebody else has taken the claim."""
        changes = {"job_id": job_id, "owner": self.owner, "round": self.round}
        condition = "#owner = :owner AND #round = :round AND (attribute_not_exists(#job_id) OR #job_id = :job_id)"
        return self._update(job, changes, condition)

    def _new(self, job: Job, job_id: str | None) -> dict[str, Any]:
        return {
            "name": job.name,
            "above": list(job.above),
            "submit": json.dumps(job.submit),
            "position": job.position,
            "group": job.group or None,
            "round": self.round,
            "job_id": job_id,
            "unsent": None,
            "expires_at": expiry(),
            **self._mine(),
        }

    def _mine(self) -> dict[str, Any]:
        return {"owner": self.owner, "claimed_at": time.time()}

    def _update(self, job: Job, changes: Mapping[str, Any], condition: str, values: Any = None) -> bool:
        return self.ledger.update(self._pk, schema.job_sk(job.name), changes, condition=condition, values=values)
