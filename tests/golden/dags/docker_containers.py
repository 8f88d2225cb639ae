"""DockerOperators: commands as lines and lists, variables, resources, file systems, secrets."""

from datetime import datetime, timedelta

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG
from docker.types import DeviceRequest, Mount, Ulimit

ROLES = {
    "job_role": "arn:aws:iam::123456789012:role/etl-job",
    "execution_role": "arn:aws:iam::123456789012:role/etl-start",
}

with DAG("docker_containers", schedule="@daily", start_date=datetime(2026, 1, 1)):
    line = DockerOperator(
        task_id="line",
        image="registry.example/etl:1.2",
        command="python load.py --day {{ ds }} --title 'first of {{ ds_nodash }}'",
        environment={"RUN": "{{ run_id }}", "LEVEL": 3},
        api_version="auto",
        auto_remove="success",
        docker_url="tcp://docker.example:2375",
        network_mode="bridge",
        container_name="load_{{ ds }}",
        force_pull=True,
        tty=True,
        xcom_all=True,
        execution_timeout=timedelta(minutes=10),
    )
    # The same image and settings: the same job definition.
    words = DockerOperator(
        task_id="words",
        image="registry.example/etl:1.2",
        command=["python", "check.py", "{{ ts }}"],
        mem_limit=2_147_483_648,
        labels={"team": "data"},
    )
    big = DockerOperator(
        task_id="big",
        image="registry.example/train:3",
        command="[ 'train', '--fast' ]",
        entrypoint=["tini", "--"],
        private_environment={"TOKEN": "not to be seen"},
        mount_tmp_dir=False,
        mounts=[
            Mount(source="models", target="/models", type="volume"),
            Mount(source="/srv/shared", target="/shared", type="bind", read_only=True),
            Mount(source=None, target="/scratch", type="tmpfs", tmpfs_size="64m"),
        ],
        cpus=3.5,
        mem_limit="6g",
        shm_size=268_435_456,
        user=1000,
        privileged=True,
        ulimits=[Ulimit(name="nofile", soft=1024, hard=4096)],
        device_requests=[DeviceRequest(count=1, capabilities=[["gpu"]])],
        docker_conn_id="registry",
        executor_config={
            "ductwork": {
                **ROLES,
                "job_queue": "gpus",
                "registry_credentials": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry-a1b2c3",
                "secrets": {"TOKEN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:train-a1b2c3:token::"},
                "volumes": {
                    "models": {"efsVolumeConfiguration": {"fileSystemId": "fs-12345678", "rootDirectory": "/models"}},
                    "/srv/shared": {"host": {"sourcePath": "/mnt/shared"}},
                },
                "ignore": ["entrypoint"],
            }
        },
    )
    small = DockerOperator(
        task_id="small",
        image="registry.example/etl:1.2",
        command="true",
        cpus=0.2,
        mem_limit="400m",
        mount_tmp_dir=False,
        executor_config={"ductwork": {**ROLES, "platform": "fargate", "environment": {"EXTRA": "1"}}},
    )
    line >> [words, big] >> small
