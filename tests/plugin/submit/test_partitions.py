"""Machines in China and in GovCloud: what their definitions call is named with the partition."""

from __future__ import annotations

import json

import pytest
from ductwork.contracts import machine_bundle
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.embedded_aws.services import CREDENTIALS, ROLE_ARN
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import child_machines
from machine_parts import Child, bundle
from remote_runs import TABLE, Remote


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_a_machine_is_deployed_as_its_partition_names_things(remote: Remote, partition: str, region: str) -> None:
    aws = Aws(region_name=region, endpoint_url=remote.aws.endpoint_url, credentials=CREDENTIALS)
    client, ledger = aws.client("stepfunctions"), Ledger.connect(TABLE, aws)
    ledger.create_table()
    document = bundle("elsewhere", [("a", "true"), Child([("b", "true"), Child([("c", "true")])])])
    role = ROLE_ARN.replace("arn:aws:", f"arn:{partition}:")
    arn = lifecycle.deploy(aws, document, "elsewhere", ledger_table=TABLE, role_arn=role)
    assert arn.startswith(f"arn:{partition}:states:{region}:")
    seen, waiting = [], [arn]
    while waiting:
        text = client.describe_state_machine(stateMachineArn=waiting.pop())["definition"]
        seen.append(text)
        assert ("arn:aws:" in text, f"arn:{partition}:states:::" in text) == (False, True)
        root = arn.rpartition(":")[0]
        waiting += [f"{root}-{name}" for name in machine_bundle.children(json.loads(text))]
    assert len(seen) == 3
    # The same again changes nothing, and is what somebody else may have deployed.
    assert lifecycle.deploy(aws, document, "elsewhere", ledger_table=TABLE, role_arn=role) == arn
    assert child_machines.provide(client, ledger, "elsewhere", document, None, root) == root
