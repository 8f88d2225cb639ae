"""A sensor for a moment: the machine waits. Airflow's sensor gives up after its timeout, and so does this.

``Has <task> passed?`` where the return value says whether the moment was over before the task began
``Push <task>``     it was
"""

from __future__ import annotations

from ductwork.backends.stepfunctions.asl.nodes import Bind, Block, Node, Value, Variable, call, text_of, when
from ductwork.backends.stepfunctions.asl.scope import ENTERED, INPUT, RUN, at_run_time
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.ledger_writes import END_OF_WAIT, NOW
from ductwork.backends.stepfunctions.tasks.frame import TaskStates
from ductwork.ir import Wait

_YEARS_SECONDS = 2 * 366 * 86_400


class WaitTask(TaskStates[Wait]):
    """The states of a :class:`ductwork.ir.Wait`."""

    ending = END_OF_WAIT

    def _own(self) -> States:
        work, passed_name = self._work, self._called("Has {} passed?")
        begun, target, latest = call("toMillis", ENTERED), Variable("target"), Variable("latest")
        moment = call("toMillis", at_run_time(work.until) if work.until else RUN.field("end"))
        if work.after_interval:
            moment += _millis(work.after_interval)
        bindings = (Bind(target, moment), Bind(latest, begun + _millis(work.timeout)))
        state = Block((*bindings, when(target <= latest, "success", "skipped" if work.soft_fail else "failed")))
        passed = {"passed": Block((*bindings, target < begun))} if work.pushes else {}
        states: States = {
            self.name: {
                "Type": "Wait",
                "Timestamp": Block((*bindings, call("fromMillis", call("min", [target, latest])))),
                "Output": self._to_record(state, 1, start=NOW, **passed),
                "Next": passed_name if work.pushes else self._record_name,
            }
        }
        if work.pushes:
            rule = {"Condition": INPUT.field(self._task.task_id, "passed"), "Next": self._push_name}
            states[passed_name] = {"Type": "Choice", "Choices": [rule], "Default": self._record_name}
            states[self._push_name] = self._push("true", self._record_name)
        return states

    def _unrecorded(self) -> State:
        return {"start": NOW}

    def _end(self, mine: Node) -> Value:
        return self._writes.end(self.ending, mine.field("state"), text_of(mine.field("try")), start=mine.field("start"))


def _millis(seconds: float) -> int:
    """An execution lasts a year at the most, and no engine prints the year 300,000."""
    return round(max(-_YEARS_SECONDS, min(seconds, _YEARS_SECONDS)) * 1000)
