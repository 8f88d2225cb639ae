"""The machines of a DAG: a root, and the children of one that does not fit into one definition.

What a root needs is there before the root: its children, which are named by their content, then what its tasks are,
which the ledger keeps. So whoever dies in between leaves nothing that could be started and break, and whoever comes
next goes on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ductwork.contracts import machine_bundle, names, partitions
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.machine_bundle import BundleError, MachineBundle
from ductwork.contracts.stepfunctions_limits import MACHINE_NAME_LIMIT

from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.submit import state_machine

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# What the document of a job chain's machine has beside the definition.
_NOT_OF_THE_MACHINE = ("manifest",)
# What a definition that submits jobs and one that can pass over tasks have in them.
_JOB, _DONE = ":::batch:submitJob", "$run.done"
# And one that reads in the ledger which ones.
_RECALLS = "$run.kept"


def provide(
    client: SFNClient,
    ledger: Ledger,
    dag_id: str,
    document: JsonObject,
    role_arn: str | None,
    state_machine_arn: str | None,
) -> str:
    """The ARN of the DAG's state machine, deployed here with ``role_arn`` or by other means.

    :param document: what the DAG was compiled to, its places filled; may be empty if ``state_machine_arn`` names a
        machine to take as it is
    :raises SubmissionError: neither is given, or a machine does not match ``document`` and cannot be made to
    """
    if role_arn:
        if not document:
            raise SubmissionError("role_arn says to deploy the DAG's state machine, but there is no definition of it")
        return deploy(client, ledger, dag_id, document, role_arn, lasting=False)
    if state_machine_arn:
        _require(client, state_machine_arn, _read(document))
        _tell(ledger, dag_id, _read(document), lasting=False)
        return state_machine_arn
    raise SubmissionError(
        "nothing says which state machine to start: pass role_arn, the execution role of a machine that is "
        "created and kept up to date for the DAG, or state_machine_arn, a machine you have deployed"
    )


def deploy(
    client: SFNClient, ledger: Ledger, dag_id: str, document: JsonObject, role_arn: str, *, lasting: bool
) -> str:
    """Make the DAG's state machine, and its children, be what the DAG was compiled to.

    :param lasting: others start runs of it, so what the ledger keeps for it never expires
    :return: the ARN to start executions with
    :raises SubmissionError: AWS does not take a definition or the role
    """
    found = machine_bundle.named_by_content(_read(document))
    limit = machine_bundle.ROOT_NAME_LIMIT if found["parts"] else MACHINE_NAME_LIMIT
    root = state_machine.arn_of(client, names.state_machine_name(dag_id, limit), role_arn)
    _deploy_children(client, root, found, role_arn)
    _tell(ledger, dag_id, found, lasting=lasting)
    deployed = state_machine.deploy(client, root, _there(found["definition"], root), role_arn)
    if deployed.changed:
        # Until now nobody could see that an old child was needed again: see submit.old_children.
        _deploy_children(client, root, found, role_arn)
    return deployed.arn


def _deploy_children(client: SFNClient, root: str, found: MachineBundle, role_arn: str) -> None:
    for suffix, definition in found["parts"].items():
        state_machine.deploy(client, _child(root, suffix), _there(definition, root), role_arn, versioned=False)


def before_restart(client: SFNClient, ledger: Ledger, dag_id: str, root: str, *, keeps: bool) -> bool:
    """Check that the current definition of a run's machine can be started once more, and keep what it needs.

    The answer is whether it reads in the ledger what is kept, where its input has no room for that.

    :param root: the machine's plain ARN
    :param keeps: the restart passes over some tasks
    :raises SubmissionError: it was compiled with --no-restart, or submits a job chain by now
    :raises LedgerError: what its tasks are is not in the ledger any more
    """
    if (text := state_machine.definition_text(client, root)) is None:
        return False
    if manifest_id := machine_bundle.manifest_of(text):
        ledger.keep_manifest(dag_id, manifest_id)
    texts = _with_children(client, root, text) if keeps else []
    if any(_JOB in each for each in texts) and not any(_DONE in each for each in texts):
        raise SubmissionError(
            f"the state machine {root} was compiled with --no-restart, or since the run with --engine batch, so it "
            "would run everything again: compile and deploy it without that option, then give the same command again"
        )
    return bool(texts) and all(_RECALLS in each for each in texts)


def _read(document: JsonObject) -> MachineBundle:
    if not machine_bundle.is_bundle(document):
        document = {key: value for key, value in document.items() if key not in _NOT_OF_THE_MACHINE}
    try:
        return machine_bundle.read(document)
    except BundleError as error:
        raise SubmissionError(f"the compiled schedule cannot be read: {error}. Compile the DAG again") from error


def _tell(ledger: Ledger, dag_id: str, found: MachineBundle, *, lasting: bool) -> None:
    if found["manifest"] is not None:
        ledger.put_manifest(dag_id, found["manifest"], lasting=lasting)


def _require(client: SFNClient, root: str, found: MachineBundle) -> None:
    """Check that machines that are deployed by other means are what this DAG compiles to."""
    for suffix, definition in found["parts"].items():
        state_machine.require(client, _child(root, suffix), _there(definition, root))
    state_machine.require(client, root, _there(found["definition"], root))


def _there(definition: JsonObject, root: str) -> JsonObject:
    return partitions.in_partition(definition, partitions.of_arn(root))


def _with_children(client: SFNClient, root: str, text: str) -> list[str]:
    """The definitions of a machine and its children, as far as they may be read."""
    texts: list[str] = []
    waiting, seen = [text], set[str]()
    while waiting:
        texts.append(waiting.pop())
        for suffix in set(machine_bundle.children(json.loads(texts[-1]))) - seen:
            seen.add(suffix)
            if inner := state_machine.definition_text(client, _child(root, suffix)):
                waiting.append(inner)
    return texts


def _child(root: str, suffix: str) -> str:
    """The ARN of a child of a root, or of one of its versions."""
    plain = ":".join(root.split(":")[:7])
    name = f"{plain.rpartition(':')[2]}-{suffix}"
    if len(name) > MACHINE_NAME_LIMIT:
        raise SubmissionError(
            f"the DAG needs several state machines, and {name} would be too long a name for one of them: name the "
            f"root with {machine_bundle.ROOT_NAME_LIMIT} characters at the most"
        )
    return f"{plain}-{suffix}"
