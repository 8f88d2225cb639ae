"""Claims of a job chain's jobs in the ledger: who submits which job, in which round.

A claim is written before its job is submitted, with all that a later round needs to submit the job again. A claim
without a job id belongs to its owner until the lease is over; then another may take it with a conditional write.
The owner renews it before it sends a job once more.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypedDict, cast

from ductwork.contracts import ledger as schema
from ductwork.contracts import names
from ductwork.contracts.aws_names import JOB_NAME_LIMIT
from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.ledger import Ledger, expiry

_PREFIX = "job#"


class ClaimItem(TypedDict, total=False):
    """A claim in the ledger.

    :ivar above: names of the jobs that it comes after in the whole chain
    :ivar submit: the request's JSON text
    :ivar unsent: the job has never been sent
    :ivar claimed_at: seconds since the epoch
    """

    pk: str
    sk: str
    name: str
    above: list[str]
    submit: str
    position: int
    group: str
    round: int
    job_id: str
    unsent: bool
    owner: str
    claimed_at: float


@dataclass(frozen=True)
class Job:
    """One job of a chain.

    :param above: names of the jobs it depends on
    :param submit: the SubmitJob request without ``dependsOn``, with the values of the run filled in
    :param position: its place in the chain's topological order
    :param group: of an array: what it depends on in the same group, it depends on child by child
    """

    name: str
    above: tuple[str, ...]
    submit: JsonObject
    position: int
    group: str = ""

    @property
    def queue(self) -> str:
        return str(self.submit["jobQueue"])

    @property
    def batch_name(self) -> str:
        """Its name in Batch, but for what tells one run from another."""
        return str(self.submit["jobName"])

    @classmethod
    def of_claim(cls, claim: ClaimItem) -> Job:
        """The job that a claim in the ledger stands for, as it was when it was claimed."""
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

    def all(self) -> list[ClaimItem]:
        """Every claim of the run, of whatever round, in the chain's order."""
        return sorted(self._read(), key=lambda claim: int(claim["position"]))

    def _read(self) -> Iterator[ClaimItem]:
        for item in self.ledger.partition(self._pk, _PREFIX):
            yield cast(ClaimItem, item)

    def resolved(self) -> dict[str, str]:
        """The ids of the jobs that have been submitted in this round, by name."""
        return {
            claim["name"]: str(claim["job_id"])
            for claim in self._read()
            if "job_id" in claim and int(claim["round"]) == self.round
        }

    def job_name(self, job: Job) -> str:
        """The job's name in Batch, which no other job of the account has."""
        suffix = f"-{names.run_hash(self.dag_id, self.run_id)}" + (f"-r{self.round}" if self.round else "")
        return names.shorten(job.batch_name, JOB_NAME_LIMIT - len(suffix)) + suffix

    def is_unanswered(self, claim: ClaimItem) -> bool:
        """Whether this round's claim may have led to a job whose id has not been written."""
        return "job_id" not in claim and "unsent" not in claim and int(claim["round"]) == self.round

    def place(self, claim: ClaimItem) -> tuple[str, str]:
        """The queue and the name under which Batch has a claim's job."""
        job = Job.of_claim(claim)
        return job.queue, self.job_name(job)

    def is_over(self, *, submitted: bool = False) -> str | None:
        """What has happened to the run, if nothing more of this round is to be submitted.

        :param submitted: all has been: such a run may have ended by itself
        """
        run = self.ledger.get(self._pk, schema.RUN_SK) or {}
        if int(run.get("restarts", self.round)) != self.round:
            return "was restarted meanwhile"
        if "stopping" in run:
            return f"was stopped ({run['stopping']})"
        return "has ended" if "ended_at" in run and not submitted else None

    def get(self, job: Job) -> ClaimItem:
        """The claim of a job; empty if there is none."""
        return cast(ClaimItem, self.ledger.get(self._pk, schema.job_sk(job.name)) or {})

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
        """Write the claim of a job that was submitted without one. False if there is one."""
        return self._update(job, self._new(job, job_id), "attribute_not_exists(pk)")

    def take_over(self, job: Job, seen: ClaimItem) -> bool:
        """Take an unresolved claim from its owner. False if it has been resolved or taken meanwhile."""
        condition = "#owner = :seen AND attribute_not_exists(job_id)"
        return self._update(job, self._mine(), condition, {":seen": seen["owner"]})

    def renew(self, job: Job) -> bool:
        """Begin a new lease of an unresolved claim. False if another submitter has taken it."""
        condition = "#owner = :owner AND #round = :round AND attribute_not_exists(job_id)"
        return self._update(job, {**self._mine(), "round": self.round}, condition)

    def resolve(self, job: Job, job_id: str) -> bool:
        """Write a job's id. False if another submitter has taken the claim."""
        changes = {"job_id": job_id, "owner": self.owner, "round": self.round}
        condition = "#owner = :owner AND #round = :round AND (attribute_not_exists(#job_id) OR #job_id = :job_id)"
        return self._update(job, changes, condition)

    def _new(self, job: Job, job_id: str | None) -> dict[str, object]:
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

    def _mine(self) -> dict[str, object]:
        return {"owner": self.owner, "claimed_at": time.time()}

    def _update(self, job: Job, changes: JsonObject, condition: str, values: JsonObject | None = None) -> bool:
        return self.ledger.update(self._pk, schema.job_sk(job.name), changes, condition=condition, values=values)
