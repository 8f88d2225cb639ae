"""Cases of DW402 to DW408: what a container operator asks for that AWS Batch has not, or that nobody has told it."""

from __future__ import annotations

from code_cases import task_case

_DOCKER = "from airflow.providers.docker.operators.docker import DockerOperator"
_POD = "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator"
_ECS = "from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator"
_K8S = "from kubernetes.client import models as k8s"
_KUBE_SECRET = "from airflow.providers.cncf.kubernetes.secret import Secret"


def _docker(arguments: str = "", config: str = "") -> str:
    return _operator("DockerOperator", arguments, config)


def _pod(arguments: str = "", config: str = "") -> str:
    return _operator("KubernetesPodOperator", arguments, config)


def _operator(name: str, arguments: str, config: str) -> str:
    given = f", {arguments}" if arguments else ""
    own = f", executor_config={{'ductwork': {{{config}}}}}" if config else ""
    image = "" if "image=" in arguments else ", image='r/i:1'"
    return f"{name}(task_id='t'{image}{given}{own})"


def _pair(code: str, imports: list[str], made: object, bad: str, good: str, field: str, config: str = "") -> None:
    """One operator, with arguments that give the finding and with others, or deployment values, that do not."""
    assert callable(made)
    lines = [[*imports, made(bad) + "  # <-"], [*imports, made(good, config)]]
    task_case(code, f"{made.__name__} {bad[:60]}", *lines, field=field)


# ---- DW402: no counterpart ----
for _bad, _field in (
    ("working_dir='/x'", "working_dir"),
    ("dns=['10.0.0.2']", "dns"),
    ("dns_search=['example.org']", "dns_search"),
    ("extra_hosts={'db': '10.0.0.1'}", "extra_hosts"),
    ("cap_add=['SYS_ADMIN']", "cap_add"),
    ("ipc_mode='host'", "ipc_mode"),
    ("port_bindings={8080: 80}", "port_bindings"),
    ("retrieve_output=True, retrieve_output_path='/o'", "retrieve_output"),
    ("mounts=[{'target': '/x', 'source': '//./pipe/d', 'type': 'npipe'}]", "mounts"),
    ("mounts=[{'target': '/x', 'type': 'tmpfs'}]", "mounts"),
):
    _pair("DW402", [_DOCKER], _docker, _bad, _bad, _field, f"'ignore': ['{_field}']")
for _bad, _field in (("hostname='h'", "hostname"), ("network_mode='compose_default'", "network_mode")):
    _pair("DW406", [_DOCKER], _docker, _bad, _bad, _field, f"'ignore': ['{_field}']")
_pair(
    "DW406",
    [_DOCKER],
    _docker,
    "docker_conn_id='private'",
    "docker_conn_id='private'",
    "docker_conn_id",
    "'registry_credentials': 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:r', "
    "'execution_role': 'arn:aws:iam::123456789012:role/r'",
)
_pair(
    "DW402",
    [_DOCKER, "from docker.types import DeviceRequest"],
    _docker,
    "device_requests=[DeviceRequest(count=-1, capabilities=[['gpu']])]",
    "device_requests=[DeviceRequest(count=2, capabilities=[['gpu']])]",
    "device_requests",
)
for _bad, _field in (
    ("init_containers=[k8s.V1Container(name='i')]", "init_containers"),
    ("full_pod_spec=k8s.V1Pod(kind='Pod')", "full_pod_spec"),
    ("pod_template_file='/p.yaml'", "pod_template_file"),
    ("pod_template_dict={'spec': {}}", "pod_template_dict"),
    ("env_from=[k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name='c'))]", "env_from"),
    ("configmaps=['c']", "configmaps"),
    ("host_aliases=[k8s.V1HostAlias(ip='10.0.0.1', hostnames=['h'])]", "host_aliases"),
    ("dns_config=k8s.V1PodDNSConfig(nameservers=['10.0.0.2'])", "dns_config"),
    ("progress_callback=print", "progress_callback"),
    ("container_security_context={'capabilities': {'add': ['A']}}", "container_security_context"),
    ("secrets=[Secret('volume', '/etc/sql', 's', 'k')]", "secrets"),
    ("secrets=[Secret('env', None, 's')]", "secrets"),
    ("container_resources=k8s.V1ResourceRequirements(limits={'example.org/card': '1'})", "container_resources"),
    ("volume_mounts=[k8s.V1VolumeMount(name='none', mount_path='/x')]", "volume_mounts"),
    (
        "volumes=[k8s.V1Volume(name='v', empty_dir={})], "
        "volume_mounts=[k8s.V1VolumeMount(name='v', mount_path='/x', sub_path='y')]",
        "volume_mounts",
    ),
    (
        "volumes=[k8s.V1Volume(name='v', config_map=k8s.V1ConfigMapVolumeSource(name='c'))], "
        "volume_mounts=[k8s.V1VolumeMount(name='v', mount_path='/x')]",
        "volumes",
    ),
    (
        "env_vars=[k8s.V1EnvVar(name='A', value_from=k8s.V1EnvVarSource("
        "field_ref=k8s.V1ObjectFieldSelector(field_path='status.podIP')))]",
        "env_vars",
    ),
):
    _pair("DW402", [_POD, _K8S, _KUBE_SECRET], _pod, _bad, _bad, _field, f"'ignore': ['{_field}']")
for _bad, _field in (
    ("affinity=k8s.V1Affinity(pod_affinity=k8s.V1PodAffinity())", "affinity"),
    ("tolerations=[k8s.V1Toleration(key='a')]", "tolerations"),
    ("node_selector={'pool': '{{ ds }}'}", "node_selector"),
    ("hostnetwork=True", "hostnetwork"),
    ("dnspolicy='None'", "dnspolicy"),
    ("schedulername='s'", "schedulername"),
    ("runtime_class_name='gvisor'", "runtime_class_name"),
    ("priority_class_name='high'", "priority_class_name"),
    ("hostname='h'", "hostname"),
    ("subdomain='s'", "subdomain"),
    ("image_pull_secrets=[k8s.V1LocalObjectReference('r')]", "image_pull_secrets"),
    ("security_context={'fsGroup': 1}", "security_context"),
    ("security_context={'runAsNonRoot': True}", "security_context"),
    ("container_security_context={'allow_privilege_escalation': False}", "container_security_context"),
    ("container_security_context={'capabilities': {'drop': ['ALL']}}", "container_security_context"),
    ("container_resources=k8s.V1ResourceRequirements(limits={'ephemeral-storage': '1Gi'})", "container_resources"),
):
    _pair("DW406", [_POD, _K8S], _pod, _bad, _bad, _field, f"'ignore': ['{_field}']")
_ECS_TASK = "EcsRunTaskOperator(task_id='t', cluster='c', task_definition='d', overrides={}"
_ECS_TASK += ", executor_config={{'ductwork': {}}})"
_IMAGE = "'container_image': 'r/i:1'"
for _bad in (
    "{'inferenceAcceleratorOverrides': []}",
    "{'containerOverrides': [{'name': 'a'}, {'name': 'b'}]}",
    "{'containerOverrides': [{'name': 'a', 'environmentFiles': []}]}",
):
    task_case(
        "DW402",
        f"ECS {_bad}",
        [_ECS, _ECS_TASK.format(_bad, f"{{{_IMAGE}}}") + "  # <-"],
        [_ECS, _ECS_TASK.format("{'containerOverrides': [{'name': 'a'}]}", f"{{{_IMAGE}}}")],
        field="overrides",
    )

# ---- DW403: XComs ----
_READS = "BashOperator(task_id='r', bash_command='echo {{ ti.xcom_pull(task_ids=\"t\") }}')"
_pair("DW403", [_POD], _pod, "do_xcom_push=True", "do_xcom_push=False", "do_xcom_push")
task_case(
    "DW403",
    "the name of a pod",
    [_POD, f"{_pod()} >> {_READS}  # <-"],
    [_POD, f"{_pod()} >> {_READS.replace('xcom_pull', 'other')}"],
    field="do_xcom_push",
)

# ---- DW404: entrypoints ----
_pair("DW404", [_DOCKER], _docker, "entrypoint='sh -c'", "entrypoint='sh -c'", "entrypoint", "'ignore': ['entrypoint']")
_pair("DW404", [_POD], _pod, "cmds=['sh', '-c']", "cmds=['sh', '-c']", "cmds", "'ignore': ['cmds']")

# ---- DW405: values that the deployment must give ----
_ROLE = "'execution_role': 'arn:aws:iam::123456789012:role/r'"
_SECRET = "'secrets': {'TOKEN': 'arn:aws:ssm:eu-west-1:123456789012:parameter/t'}"
_EFS = "{'efsVolumeConfiguration': {'fileSystemId': 'fs-1'}}"
for _made, _imports, _bad in (
    (_docker, [_DOCKER], "private_environment={'TOKEN': 'x'}"),
    (_pod, [_POD, _KUBE_SECRET], "secrets=[Secret('env', 'TOKEN', 's', 'k')]"),
    (
        _pod,
        [_POD, _K8S],
        "env_vars=[k8s.V1EnvVar(name='TOKEN', value_from=k8s.V1EnvVarSource("
        "secret_key_ref=k8s.V1SecretKeySelector(name='s', key='k')))]",
    ),
):
    _lines = [[*_imports, _made(_bad) + "  # <-"], [*_imports, _made(_bad, f"{_ROLE}, {_SECRET}")]]
    task_case("DW405", f"{_made.__name__} {_bad[:40]}", *_lines, field="secrets")
_pair(
    "DW405",
    [_DOCKER],
    _docker,
    "mounts=[{'target': '/x', 'source': 'named', 'type': 'volume'}]",
    "mounts=[{'target': '/x', 'source': 'named', 'type': 'volume'}]",
    "volumes",
    f"'volumes': {{'named': {_EFS}}}",
)
_CLAIM = "volumes=[k8s.V1Volume(name='v', persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource('claim'))], "
_CLAIM += "volume_mounts=[k8s.V1VolumeMount(name='v', mount_path='/x')]"
_pair("DW405", [_POD, _K8S], _pod, _CLAIM, _CLAIM, "volumes", f"'volumes': {{'claim': {_EFS}}}")
task_case(
    "DW405",
    "Fargate without an execution role",
    [_DOCKER, _docker("", "'platform': 'fargate'") + "  # <-"],
    [_DOCKER, _docker("", f"'platform': 'fargate', {_ROLE}")],
    field="execution_role",
)
_pair("DW405", [_POD], _pod, "image=''", "image=''", "container_image", _IMAGE)

# ---- DW406: it means something else ----
_BIND = "mounts=[{'target': '/x', 'source': '/srv/x', 'type': 'bind'}]"
_pair("DW406", [_DOCKER], _docker, _BIND, _BIND, "volumes", f"'volumes': {{'/srv/x': {_EFS}}}")
_pair("DW406", [_DOCKER], _docker, _BIND.replace("/srv", "/mnt"), _BIND, "volumes", "'ignore': ['volumes']")
_pair(
    "DW406",
    [_POD],
    _pod,
    "annotations={'a': 'b'}",
    "annotations={'a': 'b'}",
    "annotations",
    "'ignore': ['annotations']",
)
_pair(
    "DW406",
    [_POD],
    _pod,
    "service_account_name='s'",
    "service_account_name='s'",
    "service_account_name",
    "'job_role': 'arn:aws:iam::123456789012:role/r'",
)
_pair("DW406", [_POD], _pod, "termination_grace_period=90", "termination_grace_period=30", "termination_grace_period")
_MAIL = "retries=1, email='a@example.org'"
_pair("DW406", [_POD], _pod, _MAIL, f"{_MAIL}, email_on_retry=False", "email_on_retry")

# ---- DW407: not what the argument takes ----
for _bad, _good, _field in (
    ('command="echo \'"', "command=\"echo ' '\"", "command"),
    ("environment={'A': None}", "environment={'A': ''}", "environment"),
    ("environment=['A']", "environment={'A': '{{ var.value.a }}'}", "environment"),
    ("mem_limit='much'", "mem_limit='1g'", "mem_limit"),
    ("shm_size='much'", "shm_size='1g'", "shm_size"),
):
    _pair("DW407", [_DOCKER], _docker, _bad, _good, _field)
for _bad, _good, _field in (
    ("arguments='one text'", "arguments=['one text']", "arguments"),
    (
        "container_resources={'limits': {'cpu': 'all'}}",
        "container_resources={'limits': {'cpu': '1'}}",
        "container_resources",
    ),
):
    _pair("DW407", [_POD], _pod, _bad, _good, _field)

# ---- DW408: Airflow's own operator stays ----
_MINE = ["class Mine(DockerOperator):", "    def execute(self, context): pass"]
_MINE_IS = "Mine(task_id='t', image='i'{})"
task_case(
    "DW408",
    "a subclass with code of its own",
    [_DOCKER, *_MINE, _MINE_IS.format("") + "  # <-"],
    [_DOCKER, *_MINE, _MINE_IS.format(", executor_config={'ductwork': {'native': False}}")],
)
task_case(
    "DW408",
    "an ECS task whose image nobody names",
    [_ECS, _ECS_TASK.format("{}", "{}") + "  # <-"],
    [_ECS, _ECS_TASK.format("{}", f"{{{_IMAGE}}}")],
)
task_case(
    "DW408",
    "an ECS task of another account",
    [_ECS, _ECS_TASK.format("{}", f"{{{_IMAGE}}}")[:-1] + ", aws_conn_id='other')  # <-"],
    [_ECS, _ECS_TASK.format("{}", f"{{{_IMAGE}}}")],
)
