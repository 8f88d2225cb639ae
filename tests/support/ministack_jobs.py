"""MiniStack, an AWS of somebody else's, with what it lacks: a Batch whose jobs run, also for its other services.

Run by the Python of an environment of its own, which has nothing of Ductwork: ``python ministack_jobs.py FOLDER``.
MiniStack 1.5.33 has jobs that succeed at once and run nothing; its CloudFormation makes no resources of Batch, and its
Step Functions calls none. In JSONata it passes over what a Parallel, and a Choice by its Default, says of its output,
and a ``.sync`` task has no token: AWS's documentation says otherwise, so that is put right as well. Everything else is
MiniStack's: templates, state machines, JSONata, DynamoDB, S3, EventBridge.

Environment variables: ``GATEWAY_PORT``, by default 4566; ``JOB_PATH``, the PATH of the jobs; ``BUCKET``, one to begin
with. The output of jobs is in ``FOLDER/<job id>.log``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services import batch
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners

SUBMIT, TOKEN = "arn:aws:states:::batch:submitJob", ".waitForTaskToken"
FOLDER = Path(sys.argv.pop(1))
PORT = os.environ.get("GATEWAY_PORT", "4566")
# What the role of a job, and the address of AWS, are to its container.
OF_JOBS = {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def answered(reply: tuple[int, Mapping[str, str], bytes]) -> dict[str, Any]:
    status, _, body = reply
    assert status == 200, body
    return dict(json.loads(body))


# ---- CloudFormation ----

ARN = {"jobdefinition": "jobDefinitionArn", "jobqueue": "jobQueueArn", "computeenvironment": "computeEnvironmentArn"}


def maker(call: Callable[[Any], Any], kind: str) -> dict[str, Any]:
    """What CloudFormation does with resources of a type; each update of a definition is another revision."""

    def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        given = sfn._pascal_to_camel(dict(properties))
        name = f"{ARN[kind].removesuffix('Arn')}Name"
        given.setdefault(name, f"{stack_name}-{logical_id}")
        arn = answered(call(given))[ARN[kind]]
        return arn, {ARN[kind][0].upper() + ARN[kind][1:]: arn}

    def update(_: str, __: Any, properties: Mapping[str, Any], stack: str, logical_id: str) -> tuple[str, Any]:
        return create(logical_id, properties, stack)

    made = {"create": create, "delete": lambda *_: None}
    return made | ({"update": update, "update_with_logical_id": True} if kind == "jobdefinition" else {})


provisioners._RESOURCE_HANDLERS |= {
    "AWS::Batch::JobDefinition": maker(batch._register_job_definition, "jobdefinition"),
    "AWS::Batch::JobQueue": maker(batch._create_job_queue, "jobqueue"),
    "AWS::Batch::ComputeEnvironment": maker(batch._create_compute_environment, "computeenvironment"),
}


# ---- jobs ----


def deregister(request: Mapping[str, Any]) -> Any:
    name, _, revision = request["jobDefinition"].rpartition("/")[2].partition(":")
    batch._job_definitions[name][int(revision) - 1]["status"] = "INACTIVE"
    return batch._json(200, {})


def describe_definitions(request: Mapping[str, Any]) -> Any:
    every = [each for revisions in batch._job_definitions.values() for each in revisions]
    named, arns, status = (request.get(key) for key in ("jobDefinitionName", "jobDefinitions", "status"))
    found = [
        each
        for each in every
        if named in {None, each["jobDefinitionName"]}
        and (arns is None or each["jobDefinitionArn"] in arns)
        and status in {None, each["status"]}
    ]
    return batch._json(200, {"jobDefinitions": found})


batch._DISPATCH |= {
    "/v1/deregisterjobdefinition": deregister,
    "/v1/describejobdefinitions": describe_definitions,
}


def definition_of(named: str) -> Mapping[str, Any]:
    name, _, revision = named.rpartition("/")[2].partition(":")
    revisions = batch._job_definitions[name]
    return dict(revisions[int(revision) - 1 if revision else -1]["containerProperties"])


def run(job: dict[str, Any], request: Mapping[str, Any], further: Mapping[str, str]) -> bool:
    """Run a job as a process to its end; whether it succeeded."""
    container, overrides = definition_of(request["jobDefinition"]), request.get("containerOverrides", {})
    pairs = [*container.get("environment", []), *overrides.get("environment", [])]
    environment = {pair["name"]: str(pair["value"]) for pair in pairs}
    job["container"] = {"environment": pairs}
    job["status"] = "RUNNING"
    known = {
        **os.environ,
        **OF_JOBS,
        "PATH": os.environ.get("JOB_PATH", os.environ["PATH"]),
        **environment,
        **further,
        "AWS_BATCH_JOB_ID": job["jobId"],
    }
    with (FOLDER / f"{job['jobId'].replace(':', '-')}.log").open("wb") as log:
        command = overrides.get("command") or container["command"]
        code = subprocess.run(command, env=known, stdout=log, stderr=log, check=False).returncode
    job["container"]["exitCode"] = code
    job["status"] = "FAILED" if code else "SUCCEEDED"
    return code == 0


def run_all(job: dict[str, Any], request: Mapping[str, Any]) -> bool:
    size = request.get("arrayProperties", {}).get("size")
    further = {"AWS_BATCH_JOB_ATTEMPT": "1"}
    if size is None:
        return run(job, request, further)
    children = [{**job, "jobId": f"{job['jobId']}:{index}"} for index in range(size)]
    ended = [
        run(child, request, {**further, "AWS_BATCH_JOB_ARRAY_INDEX": str(index)})
        for index, child in enumerate(children)
    ]
    job["status"] = "SUCCEEDED" if all(ended) else "FAILED"
    return all(ended)


def submitted(request: Mapping[str, Any]) -> dict[str, Any]:
    """The job, which waits for its place."""
    reply = answered(batch._submit_job(request))
    job: dict[str, Any] = batch._jobs[reply["jobId"]]
    for name in ("statusReason", "stoppedAt"):
        del job[name]
    job["status"] = "RUNNABLE"
    return job


# ---- Step Functions ----


def pascal(node: Any) -> Any:
    """As Step Functions spells what it has from Batch."""
    if isinstance(node, dict):
        return {key[0].upper() + key[1:]: pascal(inner) for key, inner in node.items()}
    return [pascal(inner) for inner in node] if isinstance(node, list) else node


def started(_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``batch:submitJob``: the machine goes on while the job runs."""
    request = sfn._pascal_to_camel(dict(arguments))
    job = submitted(request)
    threading.Thread(target=run_all, args=(job, request), daemon=True).start()
    return {"JobId": job["jobId"], "JobName": job["jobName"], "JobArn": job["jobArn"]}


def awaited(arguments: Mapping[str, Any], token: str) -> Any:
    """``batch:submitJob.sync``: the state ends with its job, or as its token is told before."""
    request = sfn._pascal_to_camel(dict(arguments))
    job, told = submitted(request), threading.Event()
    known: dict[str, Any] = {"event": told, "result": None, "error": None, "heartbeat": None}
    sfn._task_tokens[token] = known

    def settle() -> None:
        ended = run_all(job, request)
        if not told.is_set():
            detail = json.dumps(pascal(job))
            known.update(result=detail) if ended else known.update(
                error={"Error": "States.TaskFailed", "Cause": detail}
            )
            told.set()

    threading.Thread(target=settle, daemon=True).start()
    told.wait()
    del sfn._task_tokens[token]
    if (error := known["error"]) is not None:
        raise sfn._ExecutionError(error["Error"], error["Cause"])
    return json.loads(known["result"])


execute, invoke = sfn._execute_task, sfn._invoke_with_callback
choose, run_branches = sfn._execute_choice, sfn._run_parallel_branches


def execute_task(state: Mapping[str, Any], *rest: Any) -> Any:
    # MiniStack gives a task token to callbacks only; AWS has one in .sync, too.
    given = {**state, "Resource": SUBMIT + TOKEN} if state.get("Resource") == f"{SUBMIT}.sync" else state
    return execute(given, *rest)


def invoke_with_callback(resource: str, arguments: Any, token: str, state: Any) -> Any:
    return awaited(arguments, token) if resource == SUBMIT + TOKEN else invoke(resource, arguments, token, state)


def execute_choice(state: Mapping[str, Any], given: Any, context: Any = None) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html: Output goes with Default."""
    last = {"Condition": True, "Next": state["Default"], **{k: state[k] for k in ("Output", "Assign") if k in state}}
    return choose({**state, "Choices": [*state["Choices"], last]}, given, context)


def run_parallel(state: Mapping[str, Any], given: Any, execution: Any, context: Any) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html: Output of $states.result."""
    results, following = run_branches(state, given, execution, context)
    output = sfn._apply_jsonata_output(state, given, context, result=results, default=results)
    sfn._apply_state_assign(state, given, context, result=results)
    return output, following


sfn._execute_task, sfn._invoke_with_callback = execute_task, invoke_with_callback
sfn._execute_choice, sfn._run_parallel_branches = execute_choice, run_parallel
sfn._SERVICE_DISPATCH[SUBMIT] = started


def make_bucket(url: str) -> None:
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"))
            return
        except urllib.error.URLError:  # it does not listen yet
            time.sleep(0.2)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    if bucket := os.environ.get("BUCKET"):
        url = f"{OF_JOBS['AWS_ENDPOINT_URL']}/{bucket}"
        threading.Thread(target=make_bucket, args=(url,), daemon=True).start()
    main()
