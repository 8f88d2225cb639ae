"""A patch to moto's state machine versions."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.stepfunctions.models import StateMachine, StateMachineVersion
from moto.stepfunctions.responses import StepFunctionResponse


def patch_versions() -> None:
    """moto has no PublishStateMachineVersion, and cannot start an execution of a version."""
    made = StateMachineVersion.__init__

    def init(self: StateMachineVersion, source: StateMachine, version: int, description: str | None) -> None:
        made(self, source, version, description)
        # A version's executions are its machine's: names are unique among all of them.
        self.executions, self.backend = source.executions, source.backend

    def publish_state_machine_version(self: StepFunctionResponse) -> ActionResult:
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        latest = machine.latest_version
        if latest is None or (latest.definition, latest.roleArn) != (machine.definition, machine.roleArn):
            machine.publish(self._get_param("description"))
            latest = machine.latest_version
        return ActionResult({"stateMachineVersionArn": latest.arn, "creationDate": latest.creation_date})

    StateMachineVersion.__init__ = init
    StateMachineVersion._handle_name_input_idempotency = StateMachine._handle_name_input_idempotency
    StepFunctionResponse.publish_state_machine_version = publish_state_machine_version
