"""KubernetesPodOperators, an author's own subclass of it and that of the Amazon provider."""

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.operators.eks import EksPodOperator
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.sdk import DAG
from kubernetes.client import models as k8s

ACCOUNT = "123456789012"
TEAM = {
    "execution_role": f"arn:aws:iam::{ACCOUNT}:role/start",
    "job_role": f"arn:aws:iam::{ACCOUNT}:role/job",
    "secrets": {
        "SQL_CONN": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:sql-a1b2c3",
        "API_KEY": f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/api-key",
    },
    "volumes": {"reports": {"efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}}},
    "ignore": ["cmds", "affinity", "tolerations", "annotations"],
}


class TeamPod(KubernetesPodOperator):
    """What many teams have: the operator with their own defaults."""

    ui_color = "#abc"

    def __init__(self, *, job: str, **kwargs):
        super().__init__(image="registry.example/team:7", arguments=["--job", job], namespace="team", **kwargs)


with DAG("kubernetes_pods", schedule="@daily", start_date=datetime(2026, 1, 1)):
    extract = KubernetesPodOperator(
        task_id="extract",
        name="extract",
        namespace="etl",
        image="registry.example/etl:1.2",
        cmds=["bash", "-cx"],
        arguments=["extract --day $(DAY) --at {{ ts }} && echo $(date) $$(DAY)"],
        env_vars={"DAY": "{{ ds }}", "TARGET": "s3://lake/$(DAY)/"},
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "500m", "memory": "512Mi"}, limits={"cpu": "2", "memory": "1.5Gi"}
        ),
        labels={"team": "data"},
        annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        affinity=k8s.V1Affinity(node_affinity=k8s.V1NodeAffinity()),
        tolerations=[{"key": "pool", "operator": "Equal", "value": "etl", "effect": "NoSchedule"}],
        in_cluster=True,
        get_logs=True,
        is_delete_operator_pod=True,
        startup_timeout_seconds=600,
        image_pull_policy="Always",
        retries=2,
        retry_delay=timedelta(minutes=1),
        executor_config={"ductwork": TEAM},
    )
    load = KubernetesPodOperator(
        task_id="load",
        image="registry.example/load:4",
        arguments=["{{ run_id }}"],
        env_vars=[
            k8s.V1EnvVar(name="MODE", value="full"),
            k8s.V1EnvVar(
                name="API_KEY",
                value_from=k8s.V1EnvVarSource(secret_key_ref=k8s.V1SecretKeySelector(name="api", key="key")),
            ),
        ],
        secrets=[Secret("env", "sql_conn", "airflow-secrets", "connection")],
        volumes=[
            k8s.V1Volume(
                name="out",
                persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(claim_name="reports"),
            ),
            k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource()),
            k8s.V1Volume(name="shm", empty_dir=k8s.V1EmptyDirVolumeSource(medium="Memory", size_limit="1Gi")),
        ],
        volume_mounts=[
            k8s.V1VolumeMount(name="out", mount_path="/out"),
            k8s.V1VolumeMount(name="scratch", mount_path="/scratch"),
            k8s.V1VolumeMount(name="shm", mount_path="/dev/shm"),
        ],
        container_resources=k8s.V1ResourceRequirements(limits={"nvidia.com/gpu": 1, "memory": "8G"}),
        security_context={"runAsUser": 1000, "runAsGroup": 2000, "runAsNonRoot": True},
        container_security_context=k8s.V1SecurityContext(read_only_root_filesystem=True),
        service_account_name="loader",
        active_deadline_seconds=3600,
        execution_timeout=timedelta(hours=2),
        executor_config={"ductwork": TEAM},
    )
    own = TeamPod(task_id="own", job="report")
    eks = EksPodOperator(
        task_id="eks", cluster_name="blue", pod_name="p", image="registry.example/team:7", region="eu-west-1"
    )
    extract >> load >> [own, eks]
