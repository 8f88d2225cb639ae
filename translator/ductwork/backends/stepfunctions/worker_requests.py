"""SubmitJob requests of workers. What a machine tells all its workers it says once, in ``$run.env``, and what else the
requests have in common in ``$job``; a request adds to that what is the job's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Name, Node, Value, array, lifted, merged, negated
from ductwork.backends.stepfunctions.asl.scope import JOB, RUN, at_run_time
from ductwork.contracts import shared_request
from ductwork.contracts.worker_variables import SKIP_FAILS_VARIABLE
from ductwork.ir import Task, Workflow

_OF_ALL = RUN.field("env")
_TASK = "DUCTWORK_TASK_ID"
_PLACING = {"jobQueue", "jobDefinition", "shareIdentifier", "schedulingPriorityOverride", "propagateTags", "tags"}


def shared(workflow: Workflow) -> dict[str, Node]:
    """The member of ``$run`` that holds the environment of all workers; none where there are no workers.

    What calls back for a run, or for a task that a job of the author's own carries out, is a worker too.
    """
    return {"env": lifted(_pairs(_of_all(workflow)))} if _has_workers(workflow) else {}


def variables(workflow: Workflow) -> dict[str, Value]:
    """The variable that holds what requests of workers have in common, where some do."""
    common = _in_common(workflow)
    # Of many tasks few are placed in ways of their own.
    placed = {id(task.deployment): task.deployment for task in workflow.tasks if _has_worker(task)}
    used = bool(workflow.calls_back) or any(worker_job.placement(each) == common for each in placed.values())
    return {shared_request.VARIABLE: integrations.arguments(common)} if used and _shares(workflow) else {}


def arguments(workflow: Workflow, what: str, request: Mapping[str, object]) -> Value:
    """The Arguments of a state that submits a job of a worker.

    :param what: names the job within the DAG
    :param request: a request of :mod:`ductwork.backends.worker_job`
    """
    overrides = request["containerOverrides"]
    assert isinstance(overrides, Mapping)
    told = _environment(workflow, overrides["environment"])
    changed = {**request, "containerOverrides": {**overrides, "environment": told}}
    common = _in_common(workflow)
    if not _shares(workflow) or {name: request.get(name) for name in _PLACING & request.keys()} != common:
        return integrations.submit_arguments(workflow.dag_id, what, changed)
    own = {name: value for name, value in changed.items() if name not in common}
    return merged(JOB, integrations.submit_arguments(workflow.dag_id, what, own))


def _has_workers(workflow: Workflow) -> bool:
    return bool(workflow.calls_back) or any(map(_has_worker, workflow.tasks))


def _has_worker(task: Task) -> bool:
    return task.work.has_worker or bool(task.calls_back)


def _shares(workflow: Workflow) -> bool:
    return len(workflow.tasks) > 1


def _in_common(workflow: Workflow) -> dict[str, object]:
    """In boto3's spelling. A task may be placed elsewhere; its request then says all itself."""
    return worker_job.placement(workflow.deployment)


def _of_all(workflow: Workflow) -> dict[str, object]:
    variables = worker_job.run_request(workflow)["containerOverrides"]["environment"]
    found = {each["name"]: each["value"] for each in variables if each["name"] != _TASK}
    return {**found, SKIP_FAILS_VARIABLE: "1"}


def _environment(workflow: Workflow, variables: Sequence[Mapping[str, object]]) -> Node:
    own = {str(each["name"]): each["value"] for each in variables}
    of_all = _of_all(workflow)
    own.setdefault(SKIP_FAILS_VARIABLE, of_all[SKIP_FAILS_VARIABLE])
    # Of a name with two values Batch does not say which the container gets.
    others = [name for name, value in of_all.items() if own.get(name) != value]
    rest = {name: value for name, value in own.items() if name in others or name not in of_all}
    # Those of all workers are one after another in it.
    return array(_without(others), *_pairs(rest))


def _without(names: Sequence[str]) -> Node:
    if not names:
        return _OF_ALL
    name = Name("Name")
    return _OF_ALL.where(name.differs(names[0]) if len(names) == 1 else negated(name.is_in(list(names))))


def _pairs(variables: Mapping[str, object]) -> list[Value]:
    return [{"Name": name, "Value": at_run_time(value)} for name, value in variables.items()]
