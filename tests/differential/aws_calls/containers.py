"""Jobs of EMR on EKS, which never end in the embedded AWS."""

from __future__ import annotations

from airflow.providers.amazon.aws.operators.emr import EmrContainerOperator
from airflow.sdk import DAG, task

JOB = {
    "name": "count",
    "execution_role_arn": "arn:aws:iam::123456789012:role/jobs",
    "release_label": "emr-6.3.0-latest",
    "job_driver": {
        "sparkSubmitJobDriver": {"entryPoint": "s3://code/{{ ds }}.py", "entryPointArguments": ["{{ ds }}"]}
    },
}


@task
def cluster():
    import boto3

    about = {"id": "calls", "type": "EKS", "info": {"eksInfo": {"namespace": "jobs"}}}
    boto3.client("eks").create_cluster(
        name="calls", roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig={"subnetIds": ["subnet-1"]}
    )
    return boto3.client("emr-containers").create_virtual_cluster(name="calls", containerProvider=about)["id"]


@task
def job(cluster, job):
    import boto3

    run = boto3.client("emr-containers").describe_job_run(virtualClusterId=cluster, id=job)["jobRun"]
    names = ("name", "executionRoleArn", "releaseLabel", "jobDriver", "configurationOverrides", "tags", "state")
    return len(job), len(run["clientToken"]), {name: run.get(name) for name in names}


with DAG("containers", default_args={"retries": 0}):
    at = cluster()
    started = EmrContainerOperator(
        task_id="started", virtual_cluster_id=at, wait_for_completion=False, tags={"day": "1"}, **JOB
    )
    tired = EmrContainerOperator(task_id="tired", virtual_cluster_id=at, poll_interval=1, max_polling_attempts=2, **JOB)
    lost = EmrContainerOperator(task_id="lost_cluster", virtual_cluster_id="gone", **JOB)
    job(at, started.output)
