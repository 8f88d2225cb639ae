"""moto's Batch API over :class:`ductwork_airflow.embedded_aws.batch.scheduler.ProcessBatch`: the five calls about jobs.

Queues, compute environments, job definitions and tags stay moto's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, batch_backends
from moto.batch.responses import BatchResponse

from ductwork_airflow.embedded_aws.batch import requests
from ductwork_airflow.embedded_aws.batch.jobs import STATES, Job
from ductwork_airflow.embedded_aws.batch.scheduler import ProcessBatch

# https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
MAX_DESCRIBED = 100
# Jobs of one answer: https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
_PAGE, _FILTERED_PAGE = 1000, 100

_engine: ProcessBatch | None = None


def use(engine: ProcessBatch | None) -> None:
    """Which engine the API of this process serves; None: none, and calls about jobs are refused."""
    global _engine
    _engine = engine


def engine() -> ProcessBatch:
    """The running scheduler of this process.

    :raises ClientException: none has been installed
    """
    if _engine is None:
        raise ClientException("The local engine is not running")
    return _engine


def _body(response: BatchResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.body or "{}")
    return body


def submit_job(self: BatchResponse) -> str:
    """``SubmitJob``: the new job's id, name and ARN.

    :raises ClientException: what AWS refuses, see :func:`requests.validate`
    """
    request = _body(self)
    backend: BatchBackend = self.batch_backend
    try:
        requests.validate(request)
        definition = backend.get_job_definition(request["jobDefinition"])
        queue = backend.get_job_queue(request["jobQueue"])
        if definition is None or definition.status != "ACTIVE":
            raise requests.InvalidRequest(f"JobDefinition {request['jobDefinition']} not found.")
        if queue is None:
            raise requests.InvalidRequest(f"JobQueue {request['jobQueue']} not found.")
        requests.check_dependencies(request, engine())
        spec = requests.to_spec(request, definition, queue)
    except requests.InvalidRequest as error:
        raise ClientException(str(error)) from error
    job = engine().submit(spec, (request.get("arrayProperties") or {}).get("size"))
    if spec.tags:
        backend.tag_resource(job.arn, dict(spec.tags))
    return json.dumps({"jobArn": job.arn, "jobName": spec.name, "jobId": job.id})


def describe_jobs(self: BatchResponse) -> str:
    """``DescribeJobs``: at most 100 ids; unknown ones are left out, as AWS leaves them out."""
    ids = _body(self).get("jobs") or []
    if len(ids) > MAX_DESCRIBED:
        raise ClientException(f"Cannot describe more than {MAX_DESCRIBED} jobs")
    return json.dumps({"jobs": engine().describe(ids)})


def list_jobs(self: BatchResponse) -> str:
    """Filters as in the API reference: with one, jobStatus is ignored and the newest come first."""
    request = _body(self)
    queue = self.batch_backend.get_job_queue(request.get("jobQueue") or "")
    if request.get("jobQueue") and queue is None:
        raise ClientException(f"Job queue {request['jobQueue']} does not exist")
    if (queue is None) == (request.get("arrayJobId") is None):
        raise ClientException("Exactly one of jobQueue and arrayJobId is required")
    jobs = engine().jobs(queue_arn=queue.arn if queue else None, parent_id=request.get("arrayJobId"))
    page = _FILTERED_PAGE if request.get("filters") else _PAGE
    if request.get("filters"):
        jobs = [job for job in reversed(jobs) if all(_passes(job, rule) for rule in request["filters"])]
    else:
        status = request.get("jobStatus") or "RUNNING"
        if status not in STATES:
            raise ClientException(f"Invalid jobStatus {status}")
        jobs = [job for job in jobs if job.status == status]
    start, count = int(request.get("nextToken") or 0), min(int(request.get("maxResults") or page), page)
    reply: dict[str, Any] = {"jobSummaryList": [job.describe_short() for job in jobs[start : start + count]]}
    if start + count < len(jobs):
        reply["nextToken"] = str(start + count)
    return json.dumps(reply)


def _passes(job: Job, rule: Mapping[str, Any]) -> bool:
    name, values = rule["name"], rule.get("values") or []
    if name == "AFTER_CREATED_AT":
        return any(job.created_at > int(value) for value in values)
    if name == "BEFORE_CREATED_AT":
        return any(job.created_at < int(value) for value in values)
    texts = {
        "JOB_NAME": [job.spec.name],
        "JOB_DEFINITION": [job.spec.definition_name, job.spec.definition_arn],
        "SHARE_IDENTIFIER": [job.spec.share_identifier or ""],
    }
    if name not in texts:
        raise ClientException(f"Invalid filter name {name}")
    return any(_matches(value.lower(), text.lower()) for value in values for text in texts[name])


def _matches(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def _stop(action: Callable[[Job, str], None], request: Mapping[str, Any]) -> str:
    if not request.get("reason"):
        raise ClientException("reason must be provided")
    job = engine().get(request.get("jobId") or "")
    if job is not None:
        action(job, request["reason"])
    return "{}"


def cancel_job(self: BatchResponse) -> str:
    """``CancelJob``: ends a job that has not started; a running one goes on."""
    return _stop(engine().cancel, _body(self))


def terminate_job(self: BatchResponse) -> str:
    """``TerminateJob``: ends a job in whatever state it is."""
    return _stop(engine().terminate, _body(self))


def register_job_definition(self: BatchResponse) -> str:
    """moto drops ``ecsProperties``: its one container becomes the container properties."""
    request = _body(self)
    if tasks := (request.get("ecsProperties") or {}).get("taskProperties"):
        container = (tasks[0].get("containers") or [{}])[0]
        request["containerProperties"] = {"resourceRequirements": _SMALL, **container}
    definition = self.batch_backend.register_job_definition(
        def_name=request.get("jobDefinitionName"),
        parameters=request.get("parameters"),
        _type=request.get("type"),
        tags=request.get("tags"),
        retry_strategy=request.get("retryStrategy"),
        container_properties=request.get("containerProperties"),
        node_properties=request.get("nodeProperties"),
        eks_properties=request.get("eksProperties"),
        timeout=request.get("timeout"),
        platform_capabilities=request.get("platformCapabilities"),
        propagate_tags=request.get("propagateTags"),
    )
    return json.dumps(
        {"jobDefinitionArn": definition.arn, "jobDefinitionName": definition.name, "revision": definition.revision}
    )


_SMALL = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]


def patch_batch_responses() -> None:
    """moto runs jobs in Docker or ends them at once, and drops retryStrategy, shareIdentifier and most semantics."""
    BatchResponse.submitjob = submit_job
    BatchResponse.describejobs = describe_jobs
    BatchResponse.listjobs = list_jobs
    BatchResponse.canceljob = cancel_job
    BatchResponse.terminatejob = terminate_job
    BatchResponse.registerjobdefinition = register_job_definition


def backend(account: str, region: str) -> BatchBackend:
    """moto's Batch backend for an account and a Region."""
    return batch_backends[account][region]
