"""Codes DW4xx: tasks that become Batch jobs of their own, or calls of AWS."""

from __future__ import annotations

from ductwork.diagnostics.catalogue.code import Code, error, warning
from ductwork.diagnostics.sources import AIRFLOW, BATCH, BATCH_API, CALLS, IN_A_WORKER, JOB_DEFINITION_PARAMETERS, WORK

CODES: dict[str, Code] = {
    "DW401": error(
        "invalid Batch job",
        "A BatchOperator's arguments are not ones that AWS Batch's SubmitJob accepts.",
        f"{BATCH_API}/API_SubmitJob.html",
    ),
    "DW402": error(
        "argument without a counterpart on AWS Batch",
        "A container operator (DockerOperator, KubernetesPodOperator, EcsRunTaskOperator) becomes a job of AWS Batch, "
        "which cannot do what this argument asks for. Leave the argument out; or, if the container does without it on "
        "AWS, name it in 'ignore' (the task's executor_config={'ductwork': {'ignore': [...]}}, default_args, --ignore "
        "on the command line, or [ductwork] ignore in Airflow's configuration); or keep Airflow's own operator in a "
        "worker that reaches the cluster or the daemon: executor_config={'ductwork': {'native': False}}.",
        JOB_DEFINITION_PARAMETERS,
    ),
    "DW403": error(
        "XCom of a container",
        "What a pod writes to its file reaches nobody once it runs as a job of AWS Batch, unless a worker puts a shell "
        "around its command, which it must know (cmds); and the name of a pod, or the ARN of an ECS task, are nobody's "
        "there. Give cmds; or let the container write to S3 and read it there; or put Ductwork into its image, where "
        "it keeps the XCom: executor_config={'ductwork': {'worker_image': True}}; or keep Airflow's own operator in a "
        "worker: {'native': False}.",
        f"{AIRFLOW}/core-concepts/xcoms.html",
    ),
    "DW404": warning(
        "the image's entrypoint stays",
        "The operator replaces the image's ENTRYPOINT. A job of AWS Batch can only replace its CMD, so the words are "
        "given to the entrypoint as arguments. That comes to the same for an image without an entrypoint, and for one "
        "whose entrypoint runs its arguments (tini --, most docker-entrypoint.sh). Name the argument in 'ignore' "
        "(see DW402) once you have looked; else build an image without an entrypoint.",
        f"{BATCH_API}/API_ContainerOverrides.html",
    ),
    "DW405": error(
        "deployment value that a container needs",
        "The DAG file does not say something that AWS must know: where a secret is kept (private_environment, "
        "Kubernetes secrets; values of secrets are never written into a job), which file system a volume is, which "
        "role fetches secrets and images, or which image an ECS task runs. The task's executor_config={'ductwork': "
        "{...}} says it, with the key that the message names.",
        f"{BATCH}/specifying-sensitive-data.html",
    ),
    "DW406": warning(
        "argument that means something else on AWS",
        "The argument is honoured, or is harmless, but not in the way it is outside AWS. Name it in 'ignore' (see "
        "DW402) to take note of it.",
        JOB_DEFINITION_PARAMETERS,
    ),
    "DW407": error(
        "argument of a container that says nothing",
        "The argument has a value of another kind than the operator takes, such as a text where a list of texts, or an "
        "amount, is wanted. What only Airflow can tell once the task runs, such as a template or an XCom, is no error: "
        "a worker renders it and submits the container's job.",
        f"{AIRFLOW}/templates-ref.html",
    ),
    "DW408": warning(
        "Airflow's own container operator in a worker",
        "Airflow's own operator is kept, for the reason the message gives, and starts its container from a worker as "
        "it would from an Airflow worker. The worker must reach the cluster, the Docker daemon or ECS.",
        IN_A_WORKER,
    ),
    "DW409": error(
        "rule that breaks",
        "The rule for this operator family has a defect: it raised an error where it should have said what is wrong. "
        "Tell whoever has written it; the message has the rule's name. With executor_config={'ductwork': {'native': "
        "False}} Airflow's own operator runs in a worker, without the rule.",
        WORK,
    ),
    "DW410": error(
        "arguments that AWS refuses",
        "The operator calls an action of AWS with arguments that the action does not take: a member that is not there, "
        "is missing or is of another type, or a value out of range. Airflow would find out in the run. What is said is "
        "what the installed botocore knows of AWS; if AWS knows more by now, install a newer one, or keep Airflow's "
        "own operator in a worker: executor_config={'ductwork': {'native': False}}.",
        CALLS,
    ),
}
