"""A patch to moto's state machine versions."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.stepfunctions.models import StateMachine, StateMachineVersion
from moto.stepfunctions.responses import StepFunctionResponse


def patch_versions() -> None:
    """moto has neither PublishStateMachineVersion nor ListStateMachineVersions, cannot start an execution of a version,
    and describes the machine of an execution as it is now."""
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

    def list_state_machine_versions(self: StepFunctionResponse) -> ActionResult:
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        versions = sorted(machine.versions.values(), key=lambda each: each.version, reverse=True)
        listed = [{"stateMachineVersionArn": each.arn, "creationDate": each.creation_date} for each in versions]
        return ActionResult({"stateMachineVersions": listed})

    def describe_state_machine_for_execution(self: StepFunctionResponse) -> ActionResult:
        machine = self.stepfunction_backend.describe_execution(self._get_param("executionArn")).state_machine
        return ActionResult(
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "definition": machine.definition,
                "roleArn": machine.roleArn,
                "updateDate": machine.creation_date,
            }
        )

    StateMachineVersion.__init__ = init
    StepFunctionResponse.list_state_machine_versions = list_state_machine_versions
    StepFunctionResponse.describe_state_machine_for_execution = describe_state_machine_for_execution
    StateMachineVersion._handle_name_input_idempotency = StateMachine._handle_name_input_idempotency
    StepFunctionResponse.publish_state_machine_version = publish_state_machine_version
