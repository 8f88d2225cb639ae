"""Patches to moto's distributed Map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map import max_concurrency
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment

# AWS starts about this many Standard child executions a second.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
AT_ONCE = 100


def patch_distributed_maps() -> None:
    """moto's distributed Map hands the parent's variables to its iterations, succeeds whatever becomes of them, starts
    a thread for each item, and recurses once for each item of a thread."""
    worker = distributed_item_processor_worker.DistributedItemProcessorWorker
    component = distributed_iteration_component.DistributedIterationComponent
    map_run = component._map_run

    def limited_map_run(self: object, env: Environment, eval_input: Any) -> None:
        record = eval_input.map_run_record
        wanted = record.max_concurrency
        unlimited = wanted == max_concurrency.DEFAULT_MAX_CONCURRENCY_VALUE
        record.max_concurrency = max(1, min(AT_ONCE if unlimited else wanted, AT_ONCE, len(env.stack[-1])))
        map_run(self, env, eval_input)

    def evaluate(self: Any) -> None:
        while (job := self._job_pool.next_job()) is not None:
            frame = self._env.open_inner_frame()
            job.job_output = self._child(frame, job)
            self._env.delete_frame(frame)
            self._job_pool.close_job(job)

    component._map_run = limited_map_run
    worker.eval, worker._child = evaluate, _child


def _child(self: Any, env: Environment, job: Any) -> object:
    """The output of one iteration, or the error that its Map fails with."""
    try:
        env.states.context_object.context_object_data["Map"] = {
            "Item": {"Index": job.job_index, "Value": job.job_input}
        }
        env.states.reset(input_value=job.job_input)
        self._eval_input(env_frame=env)
        env.variable_store = VariableStore()
        job.job_program.eval(env)
    except Exception as error:  # noqa: BLE001 - the Map raises whatever an iteration gives it
        return error
    ended = env.program_state()
    if isinstance(ended, ProgramError):
        return _too_many_failed(env)
    return RuntimeError("stopped") if isinstance(ended, ProgramStopped) else env.states.get_input()


def _too_many_failed(env: object) -> FailureEventException:
    name = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
    failed = {"executionFailedEventDetails": {"error": name.error_name, "cause": "The Map run has a failed item"}}
    return FailureEventException(
        FailureEvent(env=env, error_name=name, event_type=HistoryEventType.MapRunFailed, event_details=failed)
    )
