"""Patches to moto's interpreter of the Amazon States Language: errors, retries, stops, context, Map."""

from __future__ import annotations

import json
import threading
import time
import uuid

from ductwork.frame_stack import roomy
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.dynamodb.responses import DynamoHandler
from moto.stepfunctions.exceptions import AWSError
from moto.stepfunctions.parser import api
from moto.stepfunctions.parser.asl.component.common.error_name import custom_error_name, error_equals_decl
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_map import max_concurrency
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import inline_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import wait_function
from moto.stepfunctions.parser.asl.eval import environment
from moto.stepfunctions.parser.backend import execution as execution_module
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.responses import StepFunctionResponse

from ductwork_airflow.embedded_aws.jsonata.engine import aws_time

# https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
INLINE_MAP_CONCURRENCY = 40
_PAUSE_STEP_SECONDS = 0.1
_AT_END = "ductwork_at_end"  # of an execution: the events that its end sets
_NEVER_CAUGHT = {"States.Runtime"}
_NOT_TASK_FAILED = {"States.Timeout", "States.HeartbeatTimeout"}


def _pause(env: environment.Environment, seconds: float) -> None:
    """Sleep, but not through the end of the execution."""
    until = time.monotonic() + seconds
    while env.is_running() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _PAUSE_STEP_SECONDS))


def when_ended(execution: execution_module.Execution, event: threading.Event) -> bool:
    """Let the end of an execution set an event. False if it has ended already."""
    vars(execution).setdefault(_AT_END, []).append(event)
    return bool(execution.status == "RUNNING")


def patch_error_names() -> None:
    """moto ends the whole execution when a Parallel or Map fails with a reserved error such as States.TaskFailed."""

    def init(self: object, error_name: str | None) -> None:
        super(custom_error_name.CustomErrorName, self).__init__(error_name=error_name)

    custom_error_name.CustomErrorName.__init__ = init


def patch_error_matching() -> None:
    """moto's States.TaskFailed misses reserved errors (all but States.Timeout match), and its States.ALL catches
    States.Runtime, which nothing can catch."""

    def eval_body(self: error_equals_decl.ErrorEqualsDecl, env: environment.Environment) -> None:
        name = env.stack.pop().error_name
        wanted = {each.error_name for each in self.error_names}
        env.stack.append(
            name not in _NEVER_CAUGHT
            and (
                name in wanted
                or "States.ALL" in wanted
                or ("States.TaskFailed" in wanted and name not in _NOT_TASK_FAILED)
            )
        )

    error_equals_decl.ErrorEqualsDecl._eval_body = eval_body


def patch_retry_pause() -> None:
    """moto's retrier sleeps through the end of its execution, hours if need be."""

    def eval_body(self: retrier_decl.RetrierDecl, env: environment.Environment) -> None:
        self.error_equals.eval(env)
        if not env.stack.pop():
            env.stack.append(RetrierOutcome.Skipped)
            return
        self.max_attempts.eval(env=env)
        if not env.stack.pop().value:
            env.stack.append(RetrierOutcome.Failed)
            return
        for part in (self.interval_seconds, self.backoff_rate, self.max_delay_seconds, self.jitter_strategy):
            part.eval(env=env)
        _pause(env, env.stack.pop())
        env.stack.append(RetrierOutcome.Executed)

    retrier_decl.RetrierDecl._eval_body = eval_body


def patch_wait() -> None:
    """moto's Wait misses a stop that comes between its check and its sleep."""

    def wait_interval(self: object, env: object, wait_seconds: float) -> None:
        _pause(env, wait_seconds)

    wait_function.WaitFunction._wait_interval = wait_interval


def patch_evaluation() -> None:
    """moto starts a thread, which it keeps, for each Task, Parallel and Map, and copies what is on the stack."""
    state = execute_state.ExecutionState
    original = state._evaluate_with_timeout

    def evaluate(self: execute_state.ExecutionState, env: environment.Environment) -> None:
        self.timeout.eval(env=env)
        limited = env.stack.pop() < TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS
        if limited or self._is_language_query_jsonpath():
            original(self, env)
            return
        frame = env.open_frame()
        try:
            frame.states.reset(input_value=env.states.get_input())
            frame.stack = list(env.stack)
            self._eval_execution(frame)
            output = frame.stack[-1]
        finally:
            frame.set_ended()
            env.close_frame(frame)
        env.stack.append(output)
        env.states.set_result(output)
        if self.assign_decl:
            self.assign_decl.eval(env=env)

    state._evaluate_with_timeout = evaluate


def patch_stop() -> None:
    """In moto a task that a stop interrupts turns the stopped execution into a failed one, and a stopped Parallel
    succeeds."""
    state = execute_state.ExecutionState
    evaluate, set_error = state._evaluate_with_timeout, environment.Environment.set_error
    set_stop = environment.Environment.set_stop
    branches = branches_decl.BranchesDecl._eval_body

    def evaluate_unless_stopped(self: object, env: environment.Environment) -> None:
        try:
            evaluate(self, env)
        except Exception:
            # Once an execution is stopped, moto evaluates nothing more, so a task that goes on fails on whatever it
            # misses first: a value on the stack, its token's endpoint, its result. Of one that runs, all is raised.
            if env.is_running():
                raise

    def set_error_unless_stopped(self: environment.Environment, error: object) -> None:
        if self.is_running():
            set_error(self, error)

    def set_stop_and_wake(self: environment.Environment, *args: object, **kwargs: object) -> None:
        set_stop(self, *args, **kwargs)
        if not self.is_frame():
            for endpoint in list(self.callback_pool_manager._pool.values()):
                endpoint._notify_event.set()

    def branches_unless_stopped(self: object, env: environment.Environment) -> None:
        branches(self, env)
        if not env.is_running():
            raise RuntimeError("stopped")  # for evaluate_unless_stopped

    branches_decl.BranchesDecl._eval_body = branches_unless_stopped
    state._evaluate_with_timeout = evaluate_unless_stopped
    environment.Environment.set_error = set_error_unless_stopped
    environment.Environment.set_stop = set_stop_and_wake


def patch_context() -> None:
    """moto's context object lacks RedriveCount, and its StartTime is no text, which no output can carry."""
    original = execution_worker.ExecutionWorker._get_evaluation_environment

    def evaluation_environment(self: object) -> object:
        env = original(self)
        execution = env.states.context_object.context_object_data["Execution"]
        execution["RedriveCount"] = 0
        execution["StartTime"] = aws_time(execution["StartTime"])
        return env

    execution_worker.ExecutionWorker._get_evaluation_environment = evaluation_environment


def patch_map_concurrency() -> None:
    """moto starts one thread per item of a Map without MaxConcurrency; AWS runs 40 iterations at once."""
    component = inline_iteration_component.InlineIterationComponent
    original = component._eval_body

    def eval_body(self: inline_iteration_component.InlineIterationComponent, env: environment.Environment) -> None:
        wanted = env.stack[-1]
        unlimited = wanted.max_concurrency == max_concurrency.DEFAULT_MAX_CONCURRENCY_VALUE
        at_once = INLINE_MAP_CONCURRENCY if unlimited else min(wanted.max_concurrency, INLINE_MAP_CONCURRENCY)
        wanted.max_concurrency = max(1, min(at_once, len(wanted.input_items)))
        original(self, env)

    component._eval_body = eval_body


def patch_error_codes() -> None:
    """moto answers with an empty error code where its interpreter raises: InvalidDefinition, TaskTimedOut, …"""
    for error in vars(api).values():
        if isinstance(error, type) and issubclass(error, AWSError) and getattr(error, "TYPE", None) is None:
            setattr(error, "TYPE", vars(error).get("code"))  # noqa: B010


def patch_executions() -> None:
    """moto starts executions without a name as None, drops the error and cause of StopExecution, the cause of
    SendTaskFailure and the end of a timed-out execution, and gives an output that is a string without its quotes."""
    _patch_requests()
    _patch_replies()


def _patch_requests() -> None:
    def start_execution(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.start_execution(
            self._get_param("stateMachineArn"),
            self._get_param("name") or str(uuid.uuid4()),
            self._get_param("input", if_none="{}"),
        )
        return ActionResult({"executionArn": execution.execution_arn, "startDate": execution.start_date})

    def stop_execution(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        now = utcnow()
        if execution.status == "RUNNING":
            execution.error, execution.cause = self._get_param("error"), self._get_param("cause")
            execution.stop(stop_date=now, error=execution.error, cause=execution.cause)
        return ActionResult({"stopDate": execution.stop_date or now})

    def send_task_failure(self: StepFunctionResponse) -> ActionResult:
        self.stepfunction_backend.send_task_failure(
            self._get_param("taskToken"), self._get_param("error"), self._get_param("cause")
        )
        return ActionResult({})

    StepFunctionResponse.start_execution = start_execution
    StepFunctionResponse.stop_execution = stop_execution
    StepFunctionResponse.send_task_failure = send_task_failure


def _patch_replies() -> None:
    describe = StepFunctionResponse.describe_execution
    worker = execution_module.BaseExecutionWorkerCommunication
    reflect, ending = worker._reflect_execution_status, threading.Lock()

    def reflect_execution_status(self: execution_module.BaseExecutionWorkerCommunication) -> None:
        with ending:  # moto sets the status before the output and the error that go with it
            reflect(self)
        for waiting in vars(self.execution).pop(_AT_END, ()):
            waiting.set()

    def describe_execution(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        with ending:
            reply = describe(self)
        if reply.result["status"] != "RUNNING" and execution.stop_date:
            reply.result["stopDate"] = execution.stop_date
        if reply.result["status"] == "SUCCEEDED":
            reply.result["output"] = json.dumps(execution.output, separators=(",", ":"))
        return reply

    worker._reflect_execution_status = reflect_execution_status
    StepFunctionResponse.describe_execution = describe_execution


def patch_threads() -> None:
    """moto's interpreter recurses through the states in threads whose frames have too little room."""
    execution, states = execution_worker.ExecutionWorker, program.Program
    execution._execution_logic = roomy(execution._execution_logic)
    states._eval_body = roomy(states._eval_body)


def patch_dynamodb_lock() -> None:
    """moto checks a condition and writes in two steps without a lock, and its server answers in threads."""
    lock = threading.RLock()
    original = DynamoHandler.call_action

    def call_action(self: object) -> object:
        with lock:
            return original(self)

    DynamoHandler.call_action = call_action
