"""Container operators: every argument has a treatment, and what becomes of commands, amounts and subclasses."""

from __future__ import annotations

import inspect

import pytest
from code_cases import in_dag
from compiling import codes, compile_text
from ductwork.ir import BatchJob, Concat, RunValue, Text, Worker
from ductwork.passes import containers
from ductwork.rules import docker, ecs_task, kubernetes_pod
from ductwork.rules.amounts import docker_bytes, mib, quantity
from ductwork.rules.docker import split

IMPORTS = [
    "from airflow.providers.docker.operators.docker import DockerOperator",
    "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator",
    "from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator",
    "from kubernetes.client import models as k8s",
]
FAMILIES = {
    "docker": (docker, set()),
    "kubernetes_pod": (kubernetes_pod, set()),
    # The rest are of the base class, as for a BatchOperator.
    "ecs_task": (ecs_task, {"aws_conn_id", "region_name", "verify", "botocore_config"}),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_argument_is_in_one_table(family):
    """A new argument of a new provider must be given a treatment."""
    rule, others = FAMILIES[family]
    module, _, name = rule._OPERATOR.rpartition(".")
    cls = getattr(__import__(module, fromlist=[name]), name)
    parameters = set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"} - others
    tables = (set(rule.TRANSLATED), *map(set, (rule.ARGUMENTS.harmless, rule.ARGUMENTS.refused, rule.ARGUMENTS.warned)))
    assert parameters - set().union(*tables) == set()
    assert sum(map(len, tables)) == len(set().union(*tables)), "an argument is in one table only"


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


def test_the_sizes_of_fargate_are_in_order():
    sizes = [(vcpus, size) for vcpus, of in containers._FARGATE for size in of]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("operator", "config", "code"),
    [
        ("privileged=True", "'platform': 'fargate', 'execution_role': 'arn:aws:iam::123456789012:role/r'", "DW203"),
        ("mem_limit='900g'", "'platform': 'fargate', 'execution_role': 'arn:aws:iam::123456789012:role/r'", "DW203"),
        ("execution_timeout=timedelta(seconds=59)", "", "DW203"),
        ("command=['a', '']", "", "DW203"),
        ("command=['x' * 8300]", "", "DW203"),
        ("environment={'AWS_BATCH_X': '1'}", "", "DW203"),
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
    assert "Mixin has a execute of its own" in work.why


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
    made = compile_text(tmp_path, in_dag(*IMPORTS, pod("active_deadline_seconds='600'")))
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
