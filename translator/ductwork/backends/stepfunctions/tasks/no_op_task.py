"""A task with nothing to run: one write works out how it ends, and ends it.

``Run <task>?``     a Choice only where Airflow may never come to an end of the task
"""

from __future__ import annotations

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Value, first_of, when
from ductwork.backends.stepfunctions.asl.scope import RESULT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.tasks.frame import TaskStates
from ductwork.ir import NoOp
from ductwork.semantics.trigger_rules import NEVER


class NoOpTask(TaskStates[NoOp]):
    """The states of a :class:`ductwork.ir.NoOp`, which has no ``Record``."""

    def _whether(self) -> States:
        if not self._never:
            return {}
        rules = [self._diverted(diversion, self.entry) for diversion in self._place.diversions]
        choice: State = {
            "Type": "Choice",
            "Choices": [
                {"Condition": rule.condition, "Next": rule.target}
                | ({"Output": self._output(rule.outcome)} if rule.target == self._never_name else {})
                for rule in rules
            ],
            "Default": self.entry,
        }
        return {self._choice_name: choice}

    def _own(self) -> States:
        state: Value = "success"
        attempts: Value = "1"
        diversions = [diversion for diversion in self._place.diversions if diversion.verdict not in NEVER]
        if diversions:
            state = first_of([(diversion.condition, diversion.verdict) for diversion in diversions], "success")
            attempts = when(state.equals("success"), "1", "0")
        update: State = {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": self._writes.end(self.ending, state, attempts),
            "Output": self._output(RESULT.field("Attributes", "outcome", "S")),
            "Retry": integrations.DYNAMODB_RETRY,
            **self._next,
        }
        return {self.name: update}

    def _ending(self) -> States:
        return {}
