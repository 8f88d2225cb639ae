"""A job chain inside a state machine: Step Functions starts the chain and watches it, AWS Batch carries it.

The jobs are those of the Batch back end, with the dependencies that it gives them. A state submits each: one transition
a task. Then the machine waits for the *sinks*, the jobs on which no other depends, and ends the run in the ledger,
whether anybody mirrors it or not (:mod:`.closing`). What a job chain cannot say is refused here too.
"""

from __future__ import annotations

from dataclasses import replace

from ductwork.backends.batch import chain
from ductwork.backends.chain_machine import closing, submitting
from ductwork.backends.chain_machine.model import Model
from ductwork.backends.stepfunctions import costs, run_states
from ductwork.backends.stepfunctions.asl.printer import printed
from ductwork.backends.stepfunctions.asl.states import States
from ductwork.backends.stepfunctions.inputs import given
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import json_text
from ductwork.diagnostics import Diagnostic, Diagnostics
from ductwork.ir import Workflow

# What the Batch back end tells its users to do, and what to do here.
_ELSEWHERE, _HERE = "use --target stepfunctions", "leave --engine batch out"
# Other machines pass over tasks that their input names. A chain is restarted by who submits its jobs again.
_WHOLE = (given("done"), "done is not for a machine that submits a job chain: use ductwork restart")


def emit(workflow: Workflow, diagnostics: Diagnostics) -> JsonObject | None:
    """The state machine's definition, or None where diagnostics say why there is none."""
    found = Diagnostics()
    for task in workflow.tasks:
        for name in task.window.facts():
            about = {"dag_id": workflow.dag_id, "task_id": task.task_id, "field": name}
            what = f"a machine that submits a job chain submits every job, whatever the run's date; the task has {name}"
            found.add("DW326", task.origin, what, f"{_ELSEWHERE}, or --target batch", **about)
    document = chain.emit(workflow, found)
    diagnostics.extend(map(_reworded, found))
    if document is None or found.failed:
        return None
    model = Model.of(document)
    states, first = _jobs(workflow, model)
    item = {"engine": {"S": "batch"}, "tasks": {"S": json_text(model.tasks)}}
    opening = run_states.opening(_unlimited(workflow), first, joins=False, item=item, refused=[_WHOLE])
    machine: JsonObject = printed(
        {
            "Comment": f"Airflow DAG {workflow.dag_id} as a chain of AWS Batch jobs, compiled by Ductwork",
            "QueryLanguage": "JSONata",
            "StartAt": run_states.PREPARE,
            "States": opening | states | closing.closing(workflow, model),
        }
    )
    return machine if _fits(workflow, model, machine, diagnostics) else None


def _reworded(finding: Diagnostic) -> Diagnostic:
    return replace(finding, hint=finding.hint.replace(_ELSEWHERE, _HERE))


def _jobs(workflow: Workflow, model: Model) -> tuple[States, str]:
    """The states that submit the jobs and wait for the last, and the name of the first."""
    # A job of the worker's image ends what was submitted; where there is none, the execution fails and a mirror does.
    refused = None if model.is_plain else closing.STOP
    last = submitting.wait(model.sinks, closing.ENDED) if model.sinks else {}
    waits = next(iter(last), "")
    states = submitting.submit(model.submitted, waits, refused) | last
    states = submitting.expand(workflow, model.sizes, next(iter(states), closing.FINISH)) | states
    return states, next(iter(states), closing.FINISH)


def _unlimited(workflow: Workflow) -> Workflow:
    """As a chain honours it: the machine, too, limits and holds back nothing."""
    tasks = tuple(replace(task, past="", slots=()) for task in workflow.tasks)
    return replace(workflow, max_active_runs=None, tasks=tasks)


def _fits(workflow: Workflow, model: Model, machine: JsonObject, diagnostics: Diagnostics) -> bool:
    problems = [*costs.excesses(machine, closing.look_events(model))]
    for what in problems:
        diagnostics.add("DW311", workflow.origin, what, "", dag_id=workflow.dag_id)  # backends.emit has the hint
    return not problems
