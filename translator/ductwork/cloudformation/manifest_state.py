"""The facts of a large DAG's tasks: the first state of its root machine writes them into the ledger.

A template has nothing that puts an item into a table, short of a function of its own. So each run of such a DAG puts
the same item once more, which costs one transition and some write units, and needs nobody who deploys in a certain way.
"""

from __future__ import annotations

from typing import cast

from ductwork.contracts import ledger as schema
from ductwork.contracts.compression import compressed
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import json_text
from ductwork.contracts.machine_bundle import MachineBundle
from ductwork.contracts.stepfunctions_limits import MAX_DEFINITION_BYTES

STATE = "Keep facts of tasks"
# A state's arguments may have 256 KiB; a reader knows a manifest of one item as whole.
_MOST_CHARACTERS = 200_000


class ManifestTooLargeError(ValueError):
    """The facts do not fit into a state; the message says how large they are."""


def with_manifest(found: MachineBundle, dag_id: str, table: str) -> JsonObject:
    """The root's definition, which begins with writing the manifest; as it is where there is none.

    :param table: the ledger's name, or its place
    :raises ManifestTooLargeError: there is no room for it
    """
    definition, manifest = found["definition"], found["manifest"]
    if manifest is None:
        return definition
    text = compressed(json_text(manifest["tasks"]))
    if len(text) > _MOST_CHARACTERS or len(json_text(definition).encode()) + len(text) > MAX_DEFINITION_BYTES * 0.99:
        raise ManifestTooLargeError(f"the facts of its tasks take {len(text):,} characters")
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:putItem",
        "Arguments": {
            "TableName": table,
            "Item": {
                "pk": {"S": schema.manifest_pk(dag_id)},
                "sk": {"S": schema.manifest_sk(manifest["id"], 0)},
                "facts": {"S": text},
                "chunks": {"N": "1"},
            },
        },
        "Output": "{% $states.input %}",
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 6, "JitterStrategy": "FULL"}],
        "Next": definition["StartAt"],
    }
    states = cast(JsonObject, definition["States"])
    return {**definition, "StartAt": STATE, "States": {STATE: state, **states}}
