"""Starting a state machine's run exactly once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from ductwork import names

from ductwork_airflow.submit.request import RunRequest


def deploy(client: Any, dag_id: str, definition: Mapping[str, Any], role_arn: str) -> str:
    """Create the DAG's state machine, or update it where its definition differs.

    :param client: a boto3 Step Functions client
    :return: the state machine's ARN
    """
    name = names.state_machine_name(dag_id)
    text = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
    try:
        reply = client.create_state_machine(name=name, definition=text, roleArn=role_arn, type="STANDARD")
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"StateMachineAlreadyExists", "ConflictException"}:
            raise
        arn = _find(client, name)
        client.update_state_machine(stateMachineArn=arn, definition=text, roleArn=role_arn)
        return arn
    return str(reply["stateMachineArn"])


def _find(client: Any, name: str) -> str:
    pages = client.get_paginator("list_state_machines").paginate()
    return str(
        next(
            machine["stateMachineArn"] for page in pages for machine in page["stateMachines"] if machine["name"] == name
        )
    )


def start(client: Any, state_machine_arn: str, request: RunRequest) -> str:
    """Start the run; starting it again while it runs gives the same execution.

    The execution's name is derived from the run, which is what makes StartExecution idempotent.

    :return: the execution's ARN
    """
    reply = client.start_execution(
        stateMachineArn=state_machine_arn,
        name=names.execution_name(request.dag_id, request.run_id),
        input=request.execution_input(),
    )
    return str(reply["executionArn"])
