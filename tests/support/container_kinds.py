"""What container operators are asked for in DAG files, kind by kind, and what each becomes.

``job``: a job of AWS Batch that needs nobody; ``worker``: a worker submits the container's job, of a definition that is
made when the DAG is compiled; ``registers``: of one that the worker registers, since it depends on the run; else the
code of the error that refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass

JOB, WORKER, REGISTERS = "job", "worker", "registers"


@dataclass(frozen=True)
class Kind:
    """
    :ivar arguments: of the operator, beside its image
    :ivar around: lines of the DAG before it
    :ivar after: lines after it; the operator is ``t``
    """

    name: str
    arguments: str
    becomes: str
    around: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    image: str = "'r/i:1'"


READ = ("@task", "def before(): return 'x'", "read = before()")
READS = ("@task", "def after(x): return x", "after(t.output)")

DOCKER = (
    Kind("nothing", "", JOB),
    Kind("a date", "command='load --day {{ ds }}'", JOB),
    Kind("a variable in the command", "command='load {{ var.value.bucket }}'", WORKER),
    Kind("a parameter in the command", "command=['load', '{{ params.limit | int + 1 }}']", JOB),
    Kind("the run's conf", "command='load {{ dag_run.conf.get(\"x\", 1) }}'", WORKER),
    Kind("a template of the whole list", "command='{{ [ds, params.limit] }}'", WORKER),
    Kind("an XCom in the command", "command=['load', read]", WORKER, READ),
    Kind("an XCom by a template", "command='load {{ ti.xcom_pull(\"before\") }}'", WORKER, READ),
    Kind("a connection", "environment={'URL': '{{ conn.db.get_uri() }}'}", WORKER),
    Kind("an environment that is an XCom", "environment=read", WORKER, READ),
    Kind("a value of an environment that is an XCom", "environment={'A': read}", WORKER, READ),
    Kind("a name that only old Airflows had", "command='load {{ next_ds }}'", WORKER),
    Kind("macros", "command='load {{ macros.ds_add(ds, -1) }}'", WORKER),
    Kind("an image by a parameter", "", REGISTERS, image="'r/i:{{ params.limit }}'"),
    Kind("a file of a command", "command='run.sh'", WORKER),
    Kind("native rendering", "command=['{{ ds_nodash }}']", WORKER),
    Kind("a reader of its output", "command='load'", WORKER, after=READS),
    Kind("a reader of all its output", "command='load', xcom_all=True", WORKER, after=READS),
    Kind("a skip by its exit code", "skip_on_exit_code=99", WORKER),
    Kind("a file of variables", "env_file='A=1'", WORKER),
    Kind("a callback of a success", "on_success_callback=print", WORKER),
    Kind("a callback of a failure", "on_failure_callback=print", JOB),
    Kind("an outlet", "outlets=[__import__('airflow.sdk').sdk.Asset('x')]", WORKER),
    Kind("a login to a registry", "docker_conn_id='private'", JOB),
    Kind("a network", "network_mode='compose_default'", JOB),
    Kind("a folder of the machine", "mounts=[Mount('/x', '/srv/x', type='bind')]", JOB),
    Kind("a folder by a template", "mounts=[Mount('/x', '/srv/{{ params.limit }}', type='bind')]", REGISTERS),
    Kind("no folder of its own", "mount_tmp_dir=False, auto_remove='force', docker_url='tcp://d:2375'", JOB),
    Kind("an entrypoint", "entrypoint='sh -c'", JOB),
    Kind("a host name", "hostname='h'", JOB),
    Kind("a short time limit", "command='{{ params.limit }}', execution_timeout=timedelta(seconds=10)", WORKER),
    Kind("a working directory", "working_dir='/x'", "DW402"),
    Kind("a secret", "private_environment={'A': 'x'}", "DW405"),
    Kind("not an amount", "mem_limit='much'", "DW407"),
)

POD = (
    Kind("nothing", "", JOB),
    Kind("a variable in a variable", "env_vars={'BUCKET': '{{ var.value.bucket }}'}", WORKER),
    Kind("an image by a Variable", "arguments=['--day', '{{ ds }}']", REGISTERS, image="'{{ var.json.images.load }}'"),
    Kind("an XCom in the arguments", "arguments=['--month', read]", WORKER, READ),
    Kind("arguments that are an XCom", "arguments=read", WORKER, READ),
    Kind("variables that are an XCom", "env_vars=read", WORKER, READ),
    Kind("a parameter", "arguments=['{{ params.limit | string | upper }}']", JOB),
    Kind("the run's conf", "arguments=['{{ dag_run.conf.get(\"x\") }}']", JOB),
    Kind("the data interval", "arguments=['{{ data_interval_start.add(months=1) }}']", JOB),
    Kind("a name that only old Airflows had", "arguments=['{{ next_ds }}']", WORKER),
    Kind("a condition", "arguments=['{% if params.limit > 3 %}a{% else %}b{% endif %}']", JOB),
    Kind("a loop", "arguments=['{% for x in params.all %}{{ x }} {% endfor %}']", JOB),
    Kind("labels by a parameter", "labels={'a': '{{ params.limit ~ 1 }}'}", JOB),
    Kind("affinity", "affinity=k8s.V1Affinity(pod_affinity=k8s.V1PodAffinity())", JOB),
    Kind("a node selector", "node_selector={'pool': 'big'}", JOB),
    Kind("tolerations", "tolerations=[k8s.V1Toleration(key='a')]", JOB),
    Kind("a priority class", "priority_class_name='high'", JOB),
    Kind("a scheduler", "schedulername='s'", JOB),
    Kind("a runtime class", "runtime_class_name='gvisor'", JOB),
    Kind("the host's network", "hostnetwork=True, dnspolicy='ClusterFirstWithHostNet'", JOB),
    Kind("a disk", "container_resources=k8s.V1ResourceRequirements(requests={'ephemeral-storage': '10Gi'})", JOB),
    Kind("resources by a Variable", "container_resources={'limits': {'cpu': '{{ var.value.cpu }}'}}", REGISTERS),
    Kind("a login to a registry", "image_pull_secrets=[k8s.V1LocalObjectReference('r')]", JOB),
    Kind("a service account", "service_account_name='s', in_cluster=True, get_logs=True", JOB),
    Kind("hardening", "container_security_context={'allowPrivilegeEscalation': False, 'runAsNonRoot': True}", JOB),
    Kind("dropped capabilities", "container_security_context={'capabilities': {'drop': ['ALL']}}", JOB),
    Kind("a group of files", "security_context={'fsGroup': 1}", JOB),
    Kind("its XCom", "cmds=['sh', '-c'], arguments=['x'], do_xcom_push=True", WORKER),
    Kind("several XComs", "cmds=['x'], do_xcom_push=True, multiple_outputs=True", WORKER),
    Kind("a skip by its exit code", "skip_on_exit_code=[1, 2]", WORKER),
    Kind("a callback of a success", "on_success_callback=print", WORKER),
    Kind("an outlet", "outlets=[__import__('airflow.sdk').sdk.Asset('x')]", WORKER),
    Kind("an upper-case connection", "env_vars={'A': '{{ conn.x.host | upper }}'}, deferrable=True", WORKER),
    Kind("deferred", "arguments=['{{ params.limit | int }}'], deferrable=True", JOB),
    Kind("an empty volume", "volumes=[k8s.V1Volume(name='v', empty_dir={})], "
         "volume_mounts=[k8s.V1VolumeMount(name='v', mount_path='/x')]", JOB),
    Kind("its XCom, by a command of its image", "do_xcom_push=True", "DW403"),
    Kind("an init container", "init_containers=[k8s.V1Container(name='i')]", "DW402"),
    Kind("a secret of Kubernetes", "secrets=[Secret('env', 'PASSWORD', 'db', 'password')]", "DW405"),
)  # fmt: skip

FAMILIES = {"DockerOperator": DOCKER, "KubernetesPodOperator": POD}
