"""What job a container operator's task is, once Airflow has rendered the operator: the compiler's own rule says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ductwork import ir
from ductwork.contracts import batch_limits
from ductwork.contracts.container_job import ContainerJob
from ductwork.contracts.json_types import JsonObject
from ductwork.deployment import resolution
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.ir.snapshot import TaskSnapshot
from ductwork.passes import containers
from ductwork.rules import lower

from ductwork_airflow import compat
from ductwork_airflow.worker import pod_xcom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


@dataclass(frozen=True)
class ContainerPlan:
    """A job to submit.

    :param request: a SubmitJob request, in boto3's spelling
    :param definition: the RegisterJobDefinition request of its job definition; None: it has been registered
    :param keeps_xcom: Ductwork is in the container's image, and keeps what becomes the XCom
    """

    request: JsonObject
    definition: JsonObject | None
    keeps_xcom: bool


def plan(operator: BaseOperator, told: ContainerJob, run: Mapping[str, str], ledger_table: str) -> ContainerPlan:
    """The job of a container operator.

    :param operator: rendered
    :param run: the values of the run, by the names of :class:`ductwork.ir.RunValue`
    :raises AirflowFailException: AWS Batch cannot run it; the message says why, as the compiler would
    """
    findings = Diagnostics()
    snapshot = _snapshot(operator)
    job = lower(snapshot, findings).submits
    task = ir.Task(snapshot.task_id, snapshot.origin, snapshot.operator, ir.Worker(""), deployment=told.deployment)
    if snapshot.mapped_group or int(run["map_index"]) >= 0:
        task = replace(task, mapped_group=snapshot.mapped_group or snapshot.task_id)
    placed = job
    if job is not None and job.container is not None:
        workflow = ir.Workflow(operator.dag_id, snapshot.origin, "", "", (task,), ledger_table)
        placed = containers.placed(workflow, task, job, findings)
    errors = [each for each in findings if each.severity == "error" and not resolution.answers(told.deployment, each)]
    if errors or placed is None or placed.container is None:
        why = [f"{each.code} {each.field}: {each.what}" for each in errors]
        raise _refused(operator, why or ["its operator is no container"])
    request = {member: _resolved(value, run) for member, value in placed.request.items()}
    overrides = request.get("containerOverrides")
    if reads_file(operator) and not placed.container.xcom and isinstance(overrides, dict):
        overrides["command"] = pod_xcom.around(overrides["command"])
    if problems := [f"{each.field}: {each.what}" for each in batch_limits.problems(request)]:
        raise _refused(operator, problems)
    if told.definition:
        request["jobDefinition"] = told.definition
    definition = None if told.definition else placed.definition
    return ContainerPlan(request, definition, bool(placed.container.xcom))


def _refused(operator: BaseOperator, why: Sequence[str]) -> Exception:
    told = f"AWS Batch cannot run the container of {operator.task_id}: {'; '.join(why)}"
    failed: Exception = compat.task_exceptions().AirflowFailException(told)
    return failed


def is_of(operator: BaseOperator, name: str) -> bool:
    """Whether an operator is of a family, by the name of its class."""
    return any(cls.__name__ == name for cls in type(operator).__mro__)


def reads_file(operator: BaseOperator) -> bool:
    """Whether its XCom is what its container writes into a file."""
    return bool(operator.do_xcom_push) and is_of(operator, "KubernetesPodOperator")


def _snapshot(operator: BaseOperator) -> TaskSnapshot:
    from ductwork.frontend.operators import snapshot_operator
    from ductwork.frontend.settings import default_zone

    found = snapshot_operator(operator, Origin(operator.dag.fileloc if operator.dag else ""), default_zone())
    arguments = dict(found.arguments)
    if arguments.get("env_file"):
        arguments["env_file"] = operator.unpack_environment_variables(arguments["env_file"])
    return replace(found, arguments=arguments, rendered=True, clocked=())


def _resolved(value: object, run: Mapping[str, str]) -> object:
    """A part of a request with the values of the run in the place of its expressions."""
    if isinstance(value, ir.RunValue):
        return run[value.name]
    if isinstance(value, ir.Text):
        return value.value
    if isinstance(value, ir.Concat):
        return "".join(str(_resolved(part, run)) for part in value.parts)
    if isinstance(value, Mapping):
        return {key: _resolved(inner, run) for key, inner in value.items()}
    return [_resolved(inner, run) for inner in value] if isinstance(value, (list, tuple)) else value
