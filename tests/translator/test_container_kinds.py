"""What each kind of demand on a container operator becomes, and that hardly any is refused."""

from __future__ import annotations

import pytest
from code_cases import in_dag
from compiling import compile_text
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
