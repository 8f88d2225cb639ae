"""What each kind of demand on a container operator becomes, and that hardly any is refused."""

from __future__ import annotations

import pytest
from cli_process import ductwork
from code_cases import in_dag
from compiling import compile_text, write_dag
from container_kinds import FAMILIES, JOB, REGISTERS, WORKER
from ductwork.ir import BatchJob

IMPORTS = [
    "from airflow.providers.docker.operators.docker import DockerOperator",
    "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator",
    "from airflow.providers.cncf.kubernetes.secret import Secret",
    "from docker.types import Mount",
    "from kubernetes.client import models as k8s",
]
KINDS = [(family, kind) for family, kinds in FAMILIES.items() for kind in kinds]


def compiled(folder, family, kind, target="stepfunctions"):
    native = ", render_template_as_native_obj=True" if kind.name == "native rendering" else ""
    operator = f"t = {family}(task_id='t', image={kind.image}, {kind.arguments})"
    lines = [*IMPORTS, *kind.around, operator, *kind.after]
    return compile_text(folder, in_dag(*lines, dag=f", params={{'limit': 10, 'all': [1]}}{native}"), target=target)


def outcome(made):
    errors = sorted({finding.code for finding in made.diagnostics if finding.severity == "error"})
    if errors:
        return ", ".join(errors)
    work = made.workflows[0].by_id["t"].work
    if isinstance(work, BatchJob):
        return JOB
    assert work.submits_container, "Airflow's own operator needs a daemon or a cluster"
    return WORKER if work.submits.definition else REGISTERS


@pytest.mark.parametrize(("family", "kind"), KINDS, ids=lambda each: getattr(each, "name", each))
def test_each_kind_becomes_what_the_table_says(family, kind, tmp_path):
    made = compiled(tmp_path, family, kind)
    assert outcome(made) == kind.becomes, [finding.what for finding in made.diagnostics]
    registered = {each["jobDefinitionName"] for artefact in made.artefacts for each in artefact.job_definitions}
    if kind.becomes == WORKER:
        assert made.workflows[0].by_id["t"].work.submits.definition["jobDefinitionName"] in registered
    assert (kind.becomes in {WORKER, REGISTERS}) == any("DUCTWORK_CONTAINER" in each.text() for each in made.artefacts)


@pytest.mark.parametrize("family", FAMILIES)
def test_nine_of_ten_kinds_compile(family):
    refused = [kind.name for kind in FAMILIES[family] if kind.becomes not in {JOB, WORKER, REGISTERS}]
    assert len(refused) <= len(FAMILIES[family]) / 10, refused


@pytest.mark.parametrize(("family", "kind"), KINDS[2::6], ids=lambda each: getattr(each, "name", each))
def test_a_chain_has_the_same_workers(family, kind, tmp_path):
    assert outcome(compiled(tmp_path, family, kind, target="batch")) in {kind.becomes, "DW309"}


def test_fail_fast_gives_a_container_a_worker(tmp_path):
    body = in_dag(*IMPORTS, "t = DockerOperator(task_id='t', image='r/i:1', command=['x'])", dag=", fail_fast=True")
    assert outcome(compile_text(tmp_path, body)) == WORKER


def test_an_ecs_task_whose_image_is_named_is_submitted_by_a_worker_too(tmp_path):
    overrides = "{'containerOverrides': [{'name': 'a', 'command': ['{{ var.value.x }}']}]}"
    lines = [
        "from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator",
        f"t = EcsRunTaskOperator(task_id='t', cluster='c', task_definition='d', overrides={overrides},",
        "    executor_config={'ductwork': {'container_image': 'r/i:1'}})",
    ]
    assert outcome(compile_text(tmp_path, in_dag(*lines))) == WORKER


def test_what_a_container_says_is_not_said_of_its_worker(tmp_path):
    own = "{'ductwork': {'vcpus': 16, 'memory': 60000, 'job_role': 'arn:aws:iam::123456789012:role/mine'}}"
    line = f"t = DockerOperator(task_id='t', image='r/i:1', command='{{{{ var.value.x }}}}', executor_config={own})"
    task = compile_text(tmp_path, in_dag(*IMPORTS, line)).workflows[0].by_id["t"]
    assert (task.deployment.vcpus, task.deployment.memory, task.deployment.job_role) == (None, None, None)
    properties = task.work.submits.definition["containerProperties"]
    assert {each["type"]: each["value"] for each in properties["resourceRequirements"]}["VCPU"] == "16"
    assert properties["jobRoleArn"].endswith("role/mine")


def test_the_command_line_may_speak_for_all_tasks(tmp_path):
    line = "t = KubernetesPodOperator(task_id='t', image='r/i:1', affinity=k8s.V1Affinity(), node_selector={'a': 'b'})"
    body = in_dag(*IMPORTS, line)
    warned = [finding.field for finding in compile_text(tmp_path, body).diagnostics]
    assert warned == ["node_selector"]
    file = write_dag(tmp_path, body)
    done = ductwork("check", file, "--ignore", "node_selector,tolerations")
    assert (done.code, "DW406" in done.err) == (0, False), done.err
