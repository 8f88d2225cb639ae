"""Submitting a job chain exactly once.

SubmitJob has no client token, so each job is claimed in the ledger first: a conditional write, then the submission
under a name that only this run uses, then the job id into the claim. A claim without an id is looked up by that name
before anything is submitted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ductwork import ledger_schema as schema

from ductwork_airflow.ledger import Ledger, expiry
from ductwork_airflow.submit.documents import fill
from ductwork_airflow.submit.request import RunRequest


class ChainSubmitter:
    """
    :param client: a boto3 Batch client
    :param chain: a job chain document, its ``${Substitution}`` places filled
    """

    def __init__(self, client: Any, ledger: Ledger, chain: Mapping[str, Any], request: RunRequest) -> None:
        self._client = client
        self._ledger = ledger
        self._chain = chain
        self._request = request
        self._pk = schema.run_pk(request.dag_id, request.run_id)
        self._values = {f"run:{name}": value for name, value in request.placeholders().items()}

    def submit(self) -> dict[str, str]:
        """Open the run in the ledger and submit every job that has not been submitted.

        :return: the id of each job by its name in the chain
        """
        manifest = self._chain["manifest"]
        self._ledger.start_run(
            self._request.dag_id,
            self._request.run_id,
            **self._request.run_item(),
            target="batch",
            dag_file=manifest["dag_file"],
            tasks=manifest["tasks"],
            expires_at=expiry(),
        )
        ids: dict[str, str] = {}
        for job in self._chain["jobs"]:
            ids[job["name"]] = self._submit_once(job, [ids[name] for name in job["depends_on"]])
        return ids

    def _submit_once(self, job: Mapping[str, Any], above: list[str]) -> str:
        sk = schema.job_sk(job["name"])
        claimed = self._ledger.update(
            self._pk, sk, {"name": job["name"], "expires_at": expiry()}, condition="attribute_not_exists(pk)"
        )
        if not claimed and (known := self._known_id(sk, job)):
            return known
        submit = fill(job["submit"], self._values)
        submit["jobName"] = self._run_name(job)
        submit["dependsOn"] = [{"jobId": job_id} for job_id in above]
        job_id = str(self._client.submit_job(**submit)["jobId"])
        self._ledger.update(self._pk, sk, {"job_id": job_id})
        return job_id

    def _known_id(self, sk: str, job: Mapping[str, Any]) -> str | None:
        """The id of a job that an earlier submitter claimed: from its claim, else from Batch by its name."""
        claim = self._ledger.get(self._pk, sk) or {}
        if "job_id" in claim:
            return str(claim["job_id"])
        pages = self._client.get_paginator("list_jobs").paginate(
            jobQueue=job["submit"]["jobQueue"], filters=[{"name": "JOB_NAME", "values": [self._run_name(job)]}]
        )
        for page in pages:
            for found in page["jobSummaryList"]:
                self._ledger.update(self._pk, sk, {"job_id": found["jobId"]})
                return str(found["jobId"])
        return None

    def _run_name(self, job: Mapping[str, Any]) -> str:
        suffix = f"-{self._values['run:run_hash']}"
        name: str = job["submit"]["jobName"]
        return name[: 128 - len(suffix)] + suffix
