"""Container operators: every argument has a treatment, and what becomes of commands, amounts and subclasses."""

from __future__ import annotations

import importlib
import inspect

import pytest
from code_cases import in_dag
from compiling import codes, compile_text
from ductwork.ir import BatchJob, Concat, RunValue, Text, Worker
from ductwork.passes import container_size
from ductwork.rules import BUILTIN
from ductwork.rules.docker import split
from ductwork.rules.resource_quantities import docker_bytes, mib, quantity

IMPORTS = [
    "from airflow.providers.docker.operators.docker import DockerOperator",
    "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator",
    "from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator",
    "from airflow.providers.cncf.kubernetes.secret import Secret",
    "from docker.types import Ulimit",
    "from kubernetes.client import models as k8s",
]
MODULES = {rule.name: importlib.import_module(f"ductwork.rules.{rule.name}") for rule in BUILTIN}
FAMILIES = [name for name, module in MODULES.items() if hasattr(module, "ARGUMENTS")]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_argument_is_in_one_table(family):
    """A new argument of a new provider must be given a treatment."""
    rule = MODULES[family]
    # What sends a task to a worker is a table of some rules; these arguments are of the base class.
    others = set(getattr(rule, "_NEED_AIRFLOW", ()))
    module, _, name = rule._OPERATOR.rpartition(".")
    cls = getattr(__import__(module, fromlist=[name]), name)
    parameters = set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"} - others
    tables = (set(rule.TRANSLATED), *map(set, (rule.ARGUMENTS.harmless, rule.ARGUMENTS.refused, rule.ARGUMENTS.warned)))
    assert parameters - set().union(*tables) == set()
    assert sum(map(len, tables)) == len(set().union(*tables)), "an argument is in one table only"


# What no argument or only few take: an XCom of a task, objects of other kinds, amounts beyond all bounds.
ODD = (
    "read",
    "[read]",
    "{'a': read}",
    "1",
    "'x'",
    "['x']",
    "[[]]",
    "[{}]",
    "{'a': {}}",
    "[None]",
    "10**400",
    "'9' * 400",
)
ODD_PARTS = (
    *("overrides={'containerOverrides': 1}", "overrides={'containerOverrides': [read]}"),
    *(f"overrides={{'containerOverrides': [{{'{part}': {odd}}}]}}" for part in ("environment", "cpu") for odd in ODD),
    "overrides={'containerOverrides': [{'resourceRequirements': [{'type': 'GPU', 'value': 'x'}]}]}",
    *("container_resources={'requests': 1}", "container_resources={'limits': {'cpu': '-1', 'memory': '1e400'}}"),
    "volumes=[{'name': 'v', 'hostPath': '/x'}], volume_mounts=[{'name': 'v', 'mountPath': '/y'}]",
    *("mounts=[{'Target': 'x', 'Type': 'tmpfs', 'TmpfsOptions': 1}]", "ulimits=[{'Name': 'nofile'}]"),
)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_value_of_an_argument_is_a_traceback(family, tmp_path):
    rule = MODULES[family]
    operator = rule._OPERATOR.rpartition(".")[2]
    names = sorted({*rule.TRANSLATED, *rule.ARGUMENTS.harmless, *rule.ARGUMENTS.refused, *rule.ARGUMENTS.warned})
    values = [f"{name}={odd}" for name in names for odd in ODD]
    fixed = "cluster='c', task_definition='d'" if family == "ecs_task" else "image='i'"
    lines = ["@task", "def f(): pass", "read = f()"]
    for number, given in enumerate((*values, *ODD_PARTS)):
        arguments = f"dict({fixed}) | dict({given})"
        own = "{'ductwork': {'container_image': 'i'}}"
        call = f"{operator}(task_id='t{number}', executor_config={own}, **{arguments})"
        # Operators' constructors have opinions of their own.
        lines += ["try:", f"    {call}", "except Exception:", "    pass"]
    own_import = f"from {rule._OPERATOR.rpartition('.')[0]} import {operator}"
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, own_import, *lines))
    assert len({finding.task_id for finding in compiled.diagnostics}) > len(names)
    assert (
        {"DW407"}
        <= set(codes(compiled.diagnostics))
        <= {f"DW{number}" for number in (203, 402, 403, 404, 405, 406, 407)}
    )


NAMED_IMAGE = (
    "EcsRunTaskOperator(task_id='t', cluster='c', task_definition='d', "
    "executor_config={'ductwork': {'container_image': 'i'}}"
)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DockerOperator(task_id='t', image='i', cpus='many')", ("DW407", "cpus")),
        ("DockerOperator(task_id='t', image='i', ulimits=[Ulimit(name='core', soft=1)])", ("DW402", "ulimits")),
        (f"{NAMED_IMAGE}, overrides={{'taskRoleArn': 'etl'}})", ("DW402", "overrides")),
        (
            "KubernetesPodOperator(task_id='t', image='i', env_vars=[{'name': 'A', 'value_from': {}}])",
            ("DW407", "env_vars"),
        ),
        ("KubernetesPodOperator(task_id='t', image='i', volumes=['v'])", ("DW407", "volumes")),
        (
            "KubernetesPodOperator(task_id='t', image='i', active_deadline_seconds='1h')",
            ("DW407", "active_deadline_seconds"),
        ),
        (
            "KubernetesPodOperator(task_id='t', image='i', container_resources={'limits': {'memory': '-1Gi'}})",
            ("DW407", "container_resources"),
        ),
    ],
)
def test_what_is_of_another_kind_is_told(statement, found, tmp_path):
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, "@task", "def f(): pass", statement))
    assert [(finding.code, finding.field) for finding in compiled.diagnostics] == [found]


def work_of(folder, *statements, target="stepfunctions", dag=""):
    compiled = compile_text(folder, in_dag(*IMPORTS, *statements, dag=dag), target=target)
    assert codes(finding for finding in compiled.diagnostics if finding.severity == "error") == []
    return compiled.workflows[0].tasks[0].work


def pod(arguments):
    return f"KubernetesPodOperator(task_id='t', image='r/i', {arguments})"


DS, TS = RunValue("ds"), RunValue("ts")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ()),
        ("run --fast 'a b' \"c\"", ("run", "--fast", "a b", "c")),
        (DS, (DS,)),
        (
            Concat((Text("run --day="), DS, Text(" '"), TS, Text(" it' x"))),
            ("run", Concat((Text("--day="), DS)), Concat((TS, Text(" it"))), "x"),
        ),
    ],
)
def test_a_line_is_split_as_docker_splits_it(line, words):
    assert split(line) == words


def test_a_line_that_does_not_end():
    with pytest.raises(ValueError, match="quotation"):
        split("echo 'x")


@pytest.mark.parametrize(
    ("text", "size"), [("512m", 512), ("1.5g", 1536), (2**30, 1024), ("1000k", 1), ("64MB", 64), (1, 1)]
)
def test_dockers_sizes(text, size):
    assert mib(docker_bytes(text)) == size


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("2", 2), (1, 1), ("1Gi", 2**30), ("1.5Mi", 1.5 * 2**20), ("8G", 8e9), ("1e3", 1000), (".5", 0.5)],
)
def test_quantities_of_kubernetes(text, number):
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "much", "1Q", "1 2", "m", "1ki"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match="no Kubernetes quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("", None),
        ("arguments=['a', '{{ ds }}']", ("a", DS)),
        ("cmds=['sh', '-c'], arguments=['x']", ("sh", "-c", "x")),
        ("arguments=['$(A) $(B) $$ $$(A) $(date)'], env_vars={'A': 'a', 'B': '{{ ds }}'}", None),
    ],
)
def test_a_pods_command(arguments, command, tmp_path):
    made = work_of(tmp_path, pod(arguments)).container.command
    if "$" in arguments:
        command = (Concat((Text("a "), DS, Text(" $ $(A) $(date)"))),)
    assert made == command


def resources(work):
    return {each["type"]: each["value"] for each in work.definition["containerProperties"]["resourceRequirements"]}


@pytest.mark.parametrize(
    ("requests", "limits", "config", "expected"),
    [
        ({}, {}, {}, {"VCPU": "1", "MEMORY": "2048"}),
        ({}, {}, {"vcpus": 2, "memory": 512}, {"VCPU": "2", "MEMORY": "512"}),
        ({"cpu": "250m", "memory": "100Mi"}, {}, {}, {"VCPU": "1", "MEMORY": "100"}),
        ({"cpu": "1500m"}, {"cpu": "4", "memory": "1G"}, {"vcpus": 8}, {"VCPU": "2", "MEMORY": "954"}),
        ({}, {"cpu": 3, "nvidia.com/gpu": "2"}, {}, {"VCPU": "3", "MEMORY": "2048", "GPU": "2"}),
        ({"cpu": "250m", "memory": "100Mi"}, {}, {"platform": "fargate"}, {"VCPU": "0.25", "MEMORY": "512"}),
        ({"cpu": "2"}, {"memory": "17Gi"}, {"platform": "fargate"}, {"VCPU": "4", "MEMORY": "17408"}),
    ],
)
def test_resources_are_rounded_up(requests, limits, config, expected, tmp_path):
    config = {"execution_role": "arn:aws:iam::123456789012:role/r", **config}
    arguments = f"container_resources=k8s.V1ResourceRequirements(requests={requests}, limits={limits})"
    work = work_of(tmp_path, pod(f"{arguments}, executor_config={{'ductwork': {config}}}"))
    assert resources(work) == expected


@pytest.mark.parametrize(
    ("arguments", "vcpus"), [("", "4"), ("cpus=1.0,", "4"), ("cpus=2,", "2"), ("cpus=0.5,", "1"), ("cpus=0,", "4")]
)
def test_the_deployment_says_what_docker_leaves_open(arguments, vcpus, tmp_path):
    statement = f"DockerOperator(task_id='t', image='i', {arguments} executor_config={{'ductwork': {{'vcpus': 4}}}})"
    assert resources(work_of(tmp_path, statement))["VCPU"] == vcpus


def test_the_sizes_of_fargate_are_in_order():
    pairs = [(vcpus, size) for vcpus, of in container_size._FARGATE for size in of]
    assert pairs == sorted(pairs)


FARGATE = "'platform': 'fargate', 'execution_role': 'arn:aws:iam::123456789012:role/r'"


@pytest.mark.parametrize(
    ("operator", "config", "code"),
    [
        ("privileged=True", FARGATE, "DW203"),
        ("mem_limit='900g'", FARGATE, "DW203"),
        ("execution_timeout=timedelta(seconds=59)", "", "DW203"),
        ("command=['a', '']", "", "DW203"),
        ("command=['x' * 8300]", "", "DW203"),
        ("environment={'AWS_BATCH_X': '1'}", "", "DW203"),
        ("environment={'': '1'}", "", "DW203"),
        ("environment={' ': '1'}", "", "DW203"),
        ("labels={'aws:team': 'a'}", "", "DW203"),
        ("labels={'': 'a'}", "", "DW203"),
        ("labels={'k' * 129: 'a'}", "", "DW203"),
        ("labels={'team': 'a' * 257}", "", "DW203"),
        ("user='u' * 24_576", "", "DW203"),
        ("ulimits=[Ulimit(name='core', soft=1, hard=1)]", FARGATE, "DW203"),
        ("", f"{FARGATE}, 'gpus': 1", "DW203"),
        ("mounts=[{'Target': '/a', 'Source': 'a'}]", f"{FARGATE}, 'volumes': {{'a': {{'host': {{}}}}}}", "DW203"),
        ("", "'platform': 'lambda'", "DW201"),
        ("", "'volumes': {'a': {'efs': {}}}", "DW201"),
        ("", "'volumes': {'a': {}}", "DW201"),
        ("", "'secrets': {'A': 'hunter2'}", "DW201"),
        ("", "'job_role': 'r'", "DW201"),
        ("", "'ignored': ['x']", "DW202"),
    ],
)
def test_what_aws_would_refuse(operator, config, code, tmp_path):
    statement = f"DockerOperator(task_id='t', image='i', {operator}, executor_config={{'ductwork': {{{config}}}}})"
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, statement.replace(", ,", ",")))
    assert codes(compiled.diagnostics) == [code]


SECRET = "arn:aws:ssm:eu-west-1:123456789012:parameter/t"
ROLE = "arn:aws:iam::123456789012:role/r"
KNOWN = f"executor_config={{'ductwork': {{'secrets': {{'KEY': '{SECRET}'}}, 'execution_role': '{ROLE}'}}}}"
KEY_OF_A_SECRET = (
    "k8s.V1EnvVar(name='KEY', value_from=k8s.V1EnvVarSource(secret_key_ref=k8s.V1SecretKeySelector(key='k')))"
)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("arguments=['--key=$(KEY)'], secrets=[Secret('env', 'KEY', 's', 'k')]", ["arguments"]),
        ("arguments=['{{ ds }} $(KEY)']", ["arguments"]),
        (f"env_vars=[{KEY_OF_A_SECRET}, k8s.V1EnvVar(name='URL', value='u:$(KEY)@h')]", ["env_vars"]),
        # Kubernetes knows a variable from where it is defined on.
        (f"env_vars=[k8s.V1EnvVar(name='URL', value='u:$(KEY)@h'), {KEY_OF_A_SECRET}]", []),
        ("arguments=['$$(KEY) $KEY $(OTHER)'], secrets=[Secret('env', 'KEY', 's', 'k')]", []),
    ],
)
def test_kubernetes_puts_secrets_into_texts_and_batch_does_not(arguments, found, tmp_path):
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, pod(f"{arguments}, {KNOWN}")))
    assert [(finding.code, finding.field) for finding in compiled.diagnostics] == [("DW402", name) for name in found]


def test_secrets_that_are_no_dictionary_are_told(tmp_path):
    body = in_dag(*IMPORTS, pod("arguments=['x'], executor_config={'ductwork': {'secrets': 5}}"))
    assert codes(compile_text(tmp_path, body).diagnostics) == ["DW201"]


def test_a_reference_ends_at_its_first_bracket(tmp_path):
    """As in Kubernetes, which therefore leaves this one to the shell."""
    work = work_of(tmp_path, pod("arguments=['$(cat $(A)) $(A)'], env_vars={'A': 'a'}"))
    assert work.container.command == ("$(cat $(A)) a",)


def mounted(empty):
    mounts = ", ".join(f"k8s.V1VolumeMount(name='{v}', mount_path='/{path}')" for v, path in ("va", "vb", "wc"))
    volumes = ", ".join(f"k8s.V1Volume(name='{name}', empty_dir=k8s.V1EmptyDirVolumeSource({empty}))" for name in "vw")
    return f"volumes=[{volumes}], volume_mounts=[{mounts}]"


def test_mounts_of_one_empty_volume_show_the_same_files(tmp_path):
    made = work_of(tmp_path, pod(mounted(""))).definition["containerProperties"]
    by_path = {each["containerPath"]: each["sourceVolume"] for each in made["mountPoints"]}
    assert by_path["/a"] == by_path["/b"] != by_path["/c"]
    assert made["volumes"] == [{"name": by_path["/a"], "host": {}}, {"name": by_path["/c"], "host": {}}]
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, pod(mounted("medium='Memory', size_limit='1Gi'"))))
    assert [(finding.code, finding.field) for finding in compiled.diagnostics] == [("DW402", "volumes")] * 2


def test_fargate_gets_an_empty_folder_without_a_host(tmp_path):
    statement = f"DockerOperator(task_id='t', image='i', executor_config={{'ductwork': {{{FARGATE}}}}})"
    made = work_of(tmp_path, statement).definition["containerProperties"]
    (point,) = made["mountPoints"]
    assert made["volumes"] == [{"name": point["sourceVolume"]}]


def test_private_values_are_written_nowhere(tmp_path):
    statement = "DockerOperator(task_id='t', image='i', private_environment={'TOKEN': 'hunter2'}{})"
    secret = "arn:aws:ssm:eu-west-1:123456789012:parameter/t"
    role = "arn:aws:iam::123456789012:role/r"
    config = f", executor_config={{'ductwork': {{'secrets': {{'TOKEN': '{secret}'}}, 'execution_role': '{role}'}}}}"
    refused = compile_text(tmp_path, in_dag(*IMPORTS, statement.replace("{})", ")")))
    assert codes(refused.diagnostics) == ["DW405"]
    assert "hunter2" not in str(refused.diagnostics.found)
    made = compile_text(tmp_path, in_dag(*IMPORTS, statement.replace("{})", f"{config})")))
    (artefact,) = made.artefacts
    assert "hunter2" not in artefact.text() + str(artefact.job_definitions)
    assert artefact.job_definitions[0]["containerProperties"]["secrets"] == [{"name": "TOKEN", "valueFrom": secret}]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("    ui_color = '#fff'", BatchJob),
        ("    template_fields = ('image', 'arguments')", BatchJob),
        ("    def __init__(self, **kwargs):\n            super().__init__(arguments=['x'], **kwargs)", BatchJob),
        ("    def helper(self): pass", BatchJob),
        ("    def execute(self, context): pass", Worker),
        ("    def build_pod_request_obj(self, context=None): pass", Worker),
        ("    def pre_execute(self, context): pass", Worker),
        ("    BASE_CONTAINER_NAME = 'main'", BatchJob),
    ],
)
def test_subclasses_are_the_container_unless_they_have_code_of_their_own(body, kind, tmp_path):
    lines = ["class Mine(KubernetesPodOperator):", body, "Mine(task_id='t', image='i')"]
    assert isinstance(work_of(tmp_path, *lines), kind)


def test_a_mixin_counts_too(tmp_path):
    lines = ["class Mixin:", "    def execute(self, context): pass"]
    lines += ["class Mine(Mixin, KubernetesPodOperator): pass", "Mine(task_id='t', image='i')"]
    work = work_of(tmp_path, *lines)
    assert isinstance(work, Worker)
    assert "Mixin has its own execute" in work.why


def test_roles_of_executor_config_go_first(tmp_path):
    lines = [f"config = {{'container_image': 'i', 'job_role': '{ROLE}'}}"]
    lines += ["EcsRunTaskOperator(task_id='t', cluster='c', task_definition='d', overrides={'taskRoleArn': 'etl'},"]
    lines += ["    executor_config={'ductwork': config})"]
    assert work_of(tmp_path, *lines).definition["containerProperties"]["jobRoleArn"] == ROLE


def test_decorated_functions_are_not_the_container(tmp_path):
    lines = ["@task.docker(image='python:3.12')", "def f(): pass", "f()"]
    assert isinstance(work_of(tmp_path, *lines), Worker)


def test_airflows_configuration_may_speak_for_all_tasks(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DUCTWORK__IGNORE", "affinity, cmds")
    statement = pod("affinity=k8s.V1Affinity(pod_affinity=k8s.V1PodAffinity()), cmds=['sh']")
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, statement))
    assert codes(compiled.diagnostics) == []
    monkeypatch.setenv("AIRFLOW__DUCTWORK__NATIVE", "false")
    compiled = compile_text(tmp_path, in_dag(*IMPORTS, statement))
    assert codes(compiled.diagnostics) == []
    assert isinstance(compiled.workflows[0].tasks[0].work, Worker)


def test_an_image_may_be_named_in_place_of_a_template(tmp_path):
    statement = (
        "DockerOperator(task_id='t', image='r/{{ ds }}', executor_config={'ductwork': {'container_image': 'r/i:2'}})"
    )
    work = work_of(tmp_path, statement)
    assert work.definition["containerProperties"]["image"] == "r/i:2"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ("on_failure_callback=print", "on_failure_callback"),
        ("retries=1, execution_timeout=timedelta(hours=1)", "execution_timeout"),
        ("retries=1, active_deadline_seconds=600", "retries"),
    ],
)
def test_what_a_chain_does_not_do_for_containers(arguments, field, tmp_path):
    body = in_dag(*IMPORTS, pod(f"{arguments}, retry_delay=timedelta(0)"))
    assert codes(compile_text(tmp_path, body).diagnostics) == []
    found = list(compile_text(tmp_path, body, target="batch").diagnostics)
    assert [(finding.code, finding.field) for finding in found] == [("DW309", field)]


@pytest.mark.parametrize(("more", "refused"), [("", ["DW309"]), (", deferrable=True", [])])
def test_what_is_below_a_job_of_a_chain_waits_for_its_end(more, refused, tmp_path):
    image = "executor_config={'ductwork': {'container_image': 'i'}}"
    task = f"EcsRunTaskOperator(task_id='t', task_definition='d', cluster='c', overrides={{}}, {image}"
    body = in_dag(*IMPORTS, f"{task}, wait_for_completion=False, execution_timeout=timedelta(hours=1){more})")
    made = compile_text(tmp_path, body)
    assert codes(made.diagnostics) == []
    assert ("timeout" in made.workflows[0].tasks[0].work.request) is bool(more)
    assert codes(compile_text(tmp_path, body, target="batch").diagnostics) == refused


def test_a_deadline_that_is_no_number_is_refused(tmp_path):
    made = compile_text(tmp_path, in_dag(*IMPORTS, pod("active_deadline_seconds='soon'")))
    assert [(finding.code, finding.field) for finding in made.diagnostics] == [("DW407", "active_deadline_seconds")]


def test_a_worker_above_a_container_stops_a_chain_that_is_skipped(tmp_path):
    """A plain container cannot see that it must not run; a worker below a worker can."""
    lines = [
        "@task",
        "def up(): pass",
        "first = up.override(task_id='first')()",
        "last = up.override(task_id='last')()",
    ]
    lines += [f"first >> last >> {pod('')}"]
    (artefact,) = compile_text(tmp_path, in_dag(*IMPORTS, *lines), target="batch").artefacts
    tasks = artefact.document["manifest"]["tasks"]
    assert [name for name, facts in tasks.items() if facts.get("stops")] == ["last"]


def test_templates_that_render_natively(tmp_path):
    lines = [pod("arguments=['{{ ds }}', 'run {{ ds_nodash }}', 'x']")]
    work = work_of(tmp_path, *lines, dag=", render_template_as_native_obj=True")
    assert work.container.command == (DS, Concat((Text("run "), RunValue("ds_nodash"))), "x")


def test_who_calls_back_for_a_container_is_a_worker_of_the_workers_image(tmp_path):
    body = in_dag(*IMPORTS, pod("on_failure_callback=print"))
    (artefact,) = compile_text(tmp_path, body, image="r/worker:1").artefacts
    by_image = {each["containerProperties"]["image"]: each["jobDefinitionName"] for each in artefact.job_definitions}
    states = artefact.document["States"]
    assert states["t"]["Arguments"]["JobDefinition"] == by_image["r/i"]
    assert states["Call back t"]["Arguments"]["JobDefinition"] == by_image["r/worker:1"]
    assert len(by_image) == 2


def test_ductwork_in_the_image_keeps_what_a_pod_hands_back(tmp_path):
    config = "executor_config={'ductwork': {'worker_image': True}}"
    work = work_of(tmp_path, pod(f"arguments=['run', '{{{{ ds }}}}'], do_xcom_push=True, {config}"))
    overrides = work.request["containerOverrides"]
    assert overrides["command"] == ["ductwork", "worker", "--", "run", DS]
    told = {each["name"]: each["value"] for each in overrides["environment"]}
    assert told["DUCTWORK_XCOM"] == "/airflow/xcom/return.json"
    assert (told["DUCTWORK_TASK_ID"], told["DUCTWORK_RUN_ID"]) == ("t", RunValue("run_id"))
    body = in_dag(*IMPORTS, pod(f"do_xcom_push=True, {config}"))
    assert codes(compile_text(tmp_path, body).diagnostics) == ["DW407"]
