"""A job chain inside a state machine: Step Functions starts the chain and watches it, AWS Batch carries it.

The jobs are those of the Batch back end, with the dependencies that it gives them. A state submits each: one transition
a task. Then the machine waits for the *sinks*, the jobs on which no other depends, and ends the run in the ledger,
whether anybody mirrors it or not (:mod:`.closing`). What a job chain cannot say is refused here too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ductwork.backends.batch import chain
from ductwork.backends.chain_machine import closing, submitting
from ductwork.backends.chain_machine.model import Model
from ductwork.backends.stepfunctions import costs, jsonata, run
from ductwork.diagnostics import Diagnostic, Diagnostics
from ductwork.ir import Workflow

# What the Batch back end tells its users to do, and what to do here.
_ELSEWHERE, _HERE = "use --target stepfunctions", "leave --engine batch out"
# Other machines pass over tasks that their input names. A chain is restarted by who submits its jobs again.
_WHOLE = (
    "( $in := $states.input; $count($keys($in.done)) > 0"
    " ? $error('done is not for a machine that submits a job chain: use ductwork restart') : true )"
)
# Of the arguments of a state.
_MAX_ARGUMENTS_BYTES = 262_144
_NO_ROOM = f"split the DAG in two and let the first trigger the second, or {_HERE}"


def emit(workflow: Workflow, diagnostics: Diagnostics) -> Mapping[str, Any] | None:
    """The state machine's definition, or None where diagnostics say why there is none."""
    found = Diagnostics()
    document = chain.emit(workflow, found)
    diagnostics.extend(map(_reworded, found))
    if document is None or found.failed:
        return None
    model = Model.of(document)
    states, first = _jobs(workflow, model)
    item = {"engine": {"S": "batch"}, "tasks": _typed(model.tasks)}
    opening = run.opening(_unlimited(workflow), first, joins=False, item=item)
    opening[run.PREPARE]["Assign"] |= {"whole": jsonata.expression(_WHOLE)}
    machine = {
        "Comment": f"Airflow DAG {workflow.dag_id} as a chain of AWS Batch jobs, compiled by Ductwork",
        "QueryLanguage": "JSONata",
        "StartAt": run.PREPARE,
        "States": opening | states | closing.closing(workflow, model),
    }
    return machine if _fits(workflow, model, machine, diagnostics) else None


def _reworded(finding: Diagnostic) -> Diagnostic:
    return replace(finding, hint=finding.hint.replace(_ELSEWHERE, _HERE))


def _jobs(workflow: Workflow, model: Model) -> tuple[dict[str, Any], str]:
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


def _fits(workflow: Workflow, model: Model, machine: Mapping[str, Any], diagnostics: Diagnostics) -> bool:
    further = closing.look_events(model)
    problems = [*costs.excesses(machine, further)]
    size = len(json.dumps(machine["States"][run.START]["Arguments"], ensure_ascii=False).encode())
    if size > _MAX_ARGUMENTS_BYTES:
        what = f"what workers must know of all tasks takes {size:,} bytes, AWS hands a state {_MAX_ARGUMENTS_BYTES:,}"
        problems.append(what)
    for what in problems:
        diagnostics.add("DW311", workflow.origin, what, _NO_ROOM, dag_id=workflow.dag_id)
    return not problems


def _typed(value: Any) -> dict[str, Any]:
    """Plain data in DynamoDB's JSON."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": json.dumps(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, Mapping):
        return {"M": {key: _typed(inner) for key, inner in value.items()}}
    return {"L": [_typed(inner) for inner in value]}
