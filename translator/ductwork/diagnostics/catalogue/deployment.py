"""Codes DW2xx: deployment values."""

from __future__ import annotations

from ductwork.diagnostics.catalogue.code import Code, error, warning
from ductwork.diagnostics.sources import AIRFLOW, AMAZON_PROVIDER, BATCH, BATCH_API, ECS

CODES: dict[str, Code] = {
    "DW201": error(
        "illegal deployment value",
        "A job queue, job definition, ledger table, resource or other deployment value has a form that AWS does not "
        "accept. Values are looked up in this order: the task's executor_config, the command line, [ductwork] in "
        "Airflow's configuration, else a ${Substitution} that CloudFormation fills.",
        f"{BATCH_API}/API_SubmitJob.html",
    ),
    "DW202": error(
        "unknown deployment key",
        "A key of executor_config, of its 'ductwork' part, or of [ductwork] in Airflow's configuration is not one "
        "that Ductwork knows. SubmitJob arguments in the spelling of Airflow's AwsBatchExecutor are accepted too.",
        f"{AMAZON_PROVIDER}/executors/batch-executor.html",
    ),
    "DW203": error(
        "outside Batch's limits",
        "AWS Batch refuses requests outside its ranges: timeouts under 60 seconds, more than 10 attempts, array sizes "
        "outside 2 to 10,000, container overrides over 8,192 characters, requests over 30 KiB.",
        f"{BATCH}/service_limits.html",
    ),
    "DW204": error(
        "job definition that cannot run",
        "A worker image is named, and the job definition that is written for it lacks something that AWS requires: an "
        "execution role on Fargate, and where there are secrets or a private registry; on Fargate a job role too, "
        "without which the worker has no credentials. The message names the key of [ductwork] (or of "
        "executor_config={'ductwork': {...}}).",
        f"{BATCH}/execution-IAM-role.html",
    ),
    "DW205": warning(
        "place of Airflow's own",
        "The task's queue, executor, or the executor_config of one of Airflow's executors says where, or with what, "
        "Airflow runs it, and nothing says what that is on AWS Batch. [ductwork] queues = gpu=my-gpu-queue, big=ARN "
        "makes job queues of Airflow's queues; executor_config={'ductwork': {...}} gives a task its own queue, image, "
        "resources and variables, beside what is for another executor.",
        f"{AIRFLOW}/core-concepts/executor/index.html",
    ),
    "DW206": warning(
        "worker without a role of its own",
        "The job definition that is written for a worker image names no job role. The worker must reach the ledger, "
        "and in a state machine Step Functions; without a job role it has the rights of the machine's own role, if "
        "its network lets a container ask for them. [ductwork] job_role names one.",
        f"{ECS}/task-iam-roles.html",
    ),
}
