"""DAG files in, stacks out: the compiler with the places of a DAG's template for what nobody else gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ductwork.cloudformation import dag_stack
from ductwork.cloudformation.dag_stack import Further, Stack
from ductwork.cloudformation.job_definitions import EXECUTION_ROLE, WORKER_IMAGE, WORKER_ROLE
from ductwork.compiler import Artefact, Compiled, Options, compile_paths

# Where neither the DAG, nor the command line, nor [ductwork] says anything.
FALLBACK: Mapping[str, object] = {
    "image": f"${{{WORKER_IMAGE}}}",
    "job_role": f"${{{WORKER_ROLE}}}",
    "execution_role": f"${{{EXECUTION_ROLE}}}",
    "platform": "fargate",
    "public_ip": True,
    "event_bus": "default",
}


@dataclass
class Stacks:
    """Everything one call made of the files.

    :ivar stacks: of the DAGs without an error
    :ivar compiled: what they were made of
    """

    stacks: list[Stack]
    compiled: Compiled


def compile_stacks(paths: Sequence[str], options: Options) -> Stacks:
    """Compile every DAG of the files and folders given to a stack.

    :param options: its ``target`` does not count; an ``image`` in ``deployment`` is the default of a parameter
    """
    given = dict(options.deployment)
    image = given.pop("image", None)
    options = replace(options, target="stepfunctions", deployment=given, fallback=FALLBACK)
    compiled = compile_paths(paths, options)
    made = []
    for artefact in compiled.artefacts:
        if (stack := _stack(artefact, compiled, str(image) if image else None)) is not None:
            made.append(stack)
    return Stacks(made, compiled)


def _stack(artefact: Artefact, compiled: Compiled, image: str | None) -> Stack | None:
    workflow = next(each for each in compiled.workflows if each.dag_id == artefact.dag_id)
    try:
        return dag_stack.of(artefact, workflow, Further(image, artefact.started_by))
    except ValueError as error:
        hint = "deploy this DAG with ductwork run --role-arn, or split it"
        compiled.diagnostics.add("DW345", workflow.origin, str(error), hint, dag_id=artefact.dag_id)
        return None
